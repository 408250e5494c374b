"""Checkpoints within a stage, from which a training loop resumes exactly.

All random numbers, and the random state of every forward pass (``seed_pass``), are functions of the seed and the step
(``finecl.numerics.keyed_random``). So a checkpoint stores weights, optimizer, schedule and recorded values, but no
random state. It is saved *before* a step and written atomically.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from typing_extensions import TypedDict

from finecl.artifacts.files import read_json, replacing_directory, write_sealed_json
from finecl.artifacts.outside import Length, Text, check_record
from finecl.artifacts.provenance import digest
from finecl.distributed.gathered_state import copy_into, gathered_tensor, put_tensors, tensors_of
from finecl.distributed.process_group import Ranks
from finecl.errors import FormatError, StoppedError
from finecl.numerics.keyed_random import keyed_generator
from finecl.training.optimizer import Optimization
from finecl.training.signals import SignalGuard

_TENSORS, _STATE = "state.safetensors", "state.json"
Arrays = Mapping[str, Any]


def seed_pass(seed: int, stage: str, step: int, document: int) -> None:
    """Seeds torch, and with it dropout, for the forward pass that begins with this document."""
    torch.manual_seed(int(keyed_generator(seed, f"dropout {stage}", step, document).integers(2**62)))


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The state that a loop restores: the next step, its arrays (numpy) and its record (JSON)."""

    step: int = 0
    arrays: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class CheckpointManager:
    """Saves and restores the checkpoints of one stage, in a separate directory.

    ``made_from`` is the fingerprint of everything the stage depends on; checkpoints with another fingerprint are
    ignored. ``every`` is the number of steps between checkpoints, ``keep`` the number of checkpoints kept. Without a
    directory nothing is saved.
    """

    directory: Path | None = None
    made_from: str = ""
    every: int = 500
    keep: int = 2
    ranks: Ranks = field(default_factory=Ranks)
    note: Callable[[str], None] = lambda text: None
    _signals: SignalGuard = field(default_factory=SignalGuard)
    _first_step: int = 0

    def restore(self, module: nn.Module, optimization: Optimization) -> Saved:
        """Loads the newest readable checkpoint into module and optimizer; returns its other state."""
        for path in reversed(self._paths()):
            try:
                state = _read_state(path)
                if state["made_from"] != self.made_from:
                    continue
                if digest(path / _TENSORS) != state["sha256"]:
                    raise FormatError(f"{_TENSORS} is not as it was written")
                tensors = load_file(path / _TENSORS)
                _check_tensors(tensors, module)
            except (OSError, ValueError, FormatError, SafetensorError) as error:
                self.note(f"{path} cannot be read ({error}); trying the next older checkpoint")
                continue
            _load_state_tensors(tensors, module, optimization)
            self._first_step = state["step"]
            self.note(f"resuming at step {state['step']} from {path}")
            arrays = {k.removeprefix("array."): v.numpy() for k, v in tensors.items() if k.startswith("array.")}
            return Saved(step=self._first_step, arrays=arrays, record=state["record"])
        return Saved()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Wraps a training loop: after SIGINT or SIGTERM the next ``before`` saves a checkpoint and ends it."""
        with self._signals.listening() if self.directory else nullcontext():
            yield

    def before(
        self,
        step: int,
        module: nn.Module,
        optimization: Optimization,
        rest: Callable[[], tuple[Arrays, Mapping[str, Any]]],
    ) -> None:
        """Saves a checkpoint if one is due; call it before each step.

        ``rest`` returns the arrays and the record to save with the weights.

        Raises:
            StoppedError: a signal was received; the checkpoint is written.
            FineCLError, OSError: the checkpoint could not be written; older ones are unchanged.
        """
        if not self.directory:
            return
        signal_number = self.ranks.all_max(self._signals.heard)
        due = step > self._first_step and step % self.every == 0
        if signal_number or due:
            arrays, record = rest()
            self._save(step, _state_tensors(module, optimization), arrays, record)
        if signal_number:
            raise StoppedError(
                signal_number, f"before step {step + 1} of '{self.directory.name}'; a checkpoint is written"
            )

    def clear(self) -> None:
        """Removes the checkpoints of a finished stage."""
        if self.directory and self.ranks.main:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(self.directory.glob("step-*")) if self.directory else []

    def _save(self, step: int, tensors: dict[str, Tensor], arrays: Arrays, record: Mapping[str, Any]) -> None:
        assert self.directory is not None
        if self.ranks.main:
            array_tensors = {f"array.{k}": torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}
            with replacing_directory(self.directory / f"step-{step:09d}") as unfinished:
                save_file(tensors | array_tensors, unfinished / _TENSORS)
                state = {"step": step, "made_from": self.made_from, "record": dict(record)}
                write_sealed_json(unfinished / _STATE, state | {"sha256": digest(unfinished / _TENSORS)})
            for old in self._paths()[: -self.keep]:
                shutil.rmtree(old, ignore_errors=True)
        self.ranks.barrier()


class _State(TypedDict):
    step: Length
    made_from: Text
    record: dict[Text, Any]
    sha256: Text


def _read_state(path: Path) -> dict[str, Any]:
    state = read_json(path / _STATE)
    check_record(state, _State, _STATE)
    return state


def _check_tensors(tensors: Mapping[str, Tensor], module: nn.Module) -> None:
    """Raises FormatError if a tensor of the module, or of its optimizer, is missing or has another shape."""
    for name, expected in tensors_of(module).items():
        saved = tensors.get(f"module.{name}")
        if saved is None or saved.shape != expected.shape:
            raise FormatError(f"{name}: expected the shape {list(expected.shape)}, got {_shape(saved)}")
    for name, parameter in module.named_parameters():
        for key in ("exp_avg", "exp_avg_sq"):
            saved = tensors.get(f"adam.{key}.{name}")
            if saved is not None and saved.numel() != parameter.numel():
                raise FormatError(f"{key} of {name}: expected {parameter.numel()} values, got {saved.numel()}")


def _shape(tensor: Tensor | None) -> str:
    return "nothing" if tensor is None else str(list(tensor.shape))


def _state_tensors(module: nn.Module, optimization: Optimization) -> dict[str, Tensor]:
    tensors = {f"module.{name}": tensor for name, tensor in tensors_of(module).items()}
    for name, parameter in module.named_parameters():
        for key, value in optimization.adam.state.get(parameter, {}).items():
            tensors[f"adam.{key}.{name}"] = gathered_tensor(value)
    return tensors


def _load_state_tensors(tensors: Mapping[str, Tensor], module: nn.Module, optimization: Optimization) -> None:
    put_tensors({k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")}, module)
    for name, parameter in module.named_parameters():
        state = optimization.adam.state[parameter]
        for key in ("step", "exp_avg", "exp_avg_sq"):
            saved = tensors.get(f"adam.{key}.{name}")
            if saved is None:
                continue
            state[key] = saved.clone() if key == "step" else torch.zeros_like(parameter)
            if key != "step":
                copy_into(state[key], saved)
