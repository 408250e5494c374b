"""Checkpoints within a stage: what a training loop needs to go on exactly where it stood.

Every random draw is a function of the seed and the step (``finecl.numerics.keyed_random``), and so is the random
state of every forward pass (``seed_pass``): a checkpoint holds weights, optimizer, schedule and recorded values, and no
random state. It is taken *before* a step and written atomically.
"""

from __future__ import annotations

import json
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

from finecl.artifacts.files import replacing_directory, write_json
from finecl.distributed.gathered_state import copy_into, gathered_tensor, put_tensors, tensors_of
from finecl.distributed.process_group import Ranks
from finecl.errors import StoppedError
from finecl.numerics.keyed_random import keyed_generator
from finecl.training.optimizer import Optimization
from finecl.training.signals import SignalGuard

_TENSORS, _STATE = "state.safetensors", "state.json"
Arrays = Mapping[str, Any]


def seed_pass(seed: int, stage: str, step: int, document: int) -> None:
    """Sets torch's random state for the forward pass that begins with this document: dropout is drawn from it."""
    torch.manual_seed(int(keyed_generator(seed, f"dropout {stage}", step, document).integers(2**62)))


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What a loop finds again: the next step, its arrays (numpy) and its record (JSON)."""

    step: int = 0
    arrays: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class CheckpointManager:
    """The checkpoints of one stage, in a directory of their own.

    ``made_from`` is the fingerprint of all that the stage depends on: checkpoints of another one are not taken.
    ``every`` is the number of steps between two, ``keep`` how many are kept. Without a directory nothing is saved.
    """

    directory: Path | None = None
    made_from: str = ""
    every: int = 500
    keep: int = 2
    ranks: Ranks = field(default_factory=Ranks)
    note: Callable[[str], None] = lambda text: None
    _ear: SignalGuard = field(default_factory=SignalGuard)
    _begun: int = 0

    def restore(self, module: nn.Module, optimization: Optimization) -> Saved:
        """Brings module and optimizer to the newest usable checkpoint and returns the rest of it."""
        for path in reversed(self._there()):
            try:
                state = json.loads((path / _STATE).read_text(encoding="utf-8"))
                if state["made_from"] != self.made_from:
                    continue
                tensors = load_file(path / _TENSORS)
            except (OSError, ValueError, KeyError, SafetensorError) as error:
                self.note(f"{path} cannot be read ({error}); an older checkpoint is taken")
                continue
            _put(tensors, module, optimization)
            self._begun = int(state["step"])
            self.note(f"goes on at step {state['step']}, from {path}")
            arrays = {k.removeprefix("array."): v.numpy() for k, v in tensors.items() if k.startswith("array.")}
            return Saved(step=self._begun, arrays=arrays, record=state["record"])
        return Saved()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Around a training loop: SIGINT and SIGTERM end it at the next ``before``, with a checkpoint."""
        with self._ear.listening() if self.directory else nullcontext():
            yield

    def before(
        self,
        step: int,
        module: nn.Module,
        optimization: Optimization,
        rest: Callable[[], tuple[Arrays, Mapping[str, Any]]],
    ) -> None:
        """To be called before each step; ``rest`` gives arrays and a record to be kept beside the weights.

        Raises:
            StoppedError: a signal came; the checkpoint is written.
            FineCLError, OSError: it could not be written; older ones are untouched.
        """
        if not self.directory:
            return
        heard = self.ranks.all_max(self._ear.heard)
        due = step > self._begun and step % self.every == 0
        if heard or due:
            arrays, record = rest()
            self._save(step, _taken(module, optimization), arrays, record)
        if heard:
            raise StoppedError(heard, f"before step {step + 1} of '{self.directory.name}'; a checkpoint is written")

    def clear(self) -> None:
        """Removes the checkpoints of a finished stage."""
        if self.directory and self.ranks.main:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _there(self) -> list[Path]:
        return sorted(self.directory.glob("step-*")) if self.directory else []

    def _save(self, step: int, tensors: dict[str, Tensor], arrays: Arrays, record: Mapping[str, Any]) -> None:
        assert self.directory is not None
        if self.ranks.main:
            kept = {f"array.{k}": torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}
            with replacing_directory(self.directory / f"step-{step:09d}") as unfinished:
                save_file(tensors | kept, unfinished / _TENSORS)
                write_json(unfinished / _STATE, {"step": step, "made_from": self.made_from, "record": dict(record)})
            for old in self._there()[: -self.keep]:
                shutil.rmtree(old, ignore_errors=True)
        self.ranks.barrier()


def _taken(module: nn.Module, optimization: Optimization) -> dict[str, Tensor]:
    found = {f"module.{name}": tensor for name, tensor in tensors_of(module).items()}
    for name, parameter in module.named_parameters():
        for key, value in optimization.adam.state.get(parameter, {}).items():
            found[f"adam.{key}.{name}"] = gathered_tensor(value)
    return found


def _put(tensors: Mapping[str, Tensor], module: nn.Module, optimization: Optimization) -> None:
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
