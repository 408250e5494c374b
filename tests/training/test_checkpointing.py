"""A training loop that is interrupted at any step and resumed gives the result of an uninterrupted one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from finecl.artifacts.files import CHECKSUM, read_json, write_sealed_json
from finecl.artifacts.provenance import digest
from finecl.distributed.gathered_state import tensors_of
from finecl.errors import StoppedError
from finecl.extraction.finetune import finetune
from finecl.pretraining.loop import pretrain
from finecl.progress import Listener
from finecl.scoring.proxy import train_proxy
from finecl.training.checkpointing import CheckpointManager
from tests.conftest import LoadTiny
from tests.numerics.test_pretrain_step import SETTINGS, prepared, silver
from tests.numerics.test_ranks import PROXY, TUNE, extractor, model

__all__ = ["model", "silver"]


class BrokenError(Exception):
    """Represents a crash."""


class Breaks(Listener):
    """Crashes, or sends a signal to this process, after some units of work."""

    def __init__(self, after: int, signal_number: int | None = None) -> None:
        self.left, self.signal = after, signal_number
        self.told: list[str] = []

    def advance(self, amount: int, figures: str = "") -> None:
        self.left -= 1
        if self.left == 0 and self.signal:
            os.kill(os.getpid(), self.signal)
        elif self.left == 0:
            raise BrokenError

    def note(self, text: str) -> None:
        self.told.append(text)


Damage = Callable[[Path], None]
Train = Callable[[Listener, CheckpointManager], tuple[Any, dict[str, torch.Tensor]]]


def kept(directory: Path, every: int = 1, made_from: str = "x", note: Any = None) -> CheckpointManager:
    return CheckpointManager(directory=directory, made_from=made_from, every=every, note=note or (lambda text: None))


@pytest.fixture
def pretraining(load_tiny: LoadTiny, silver: Any) -> Train:
    def train(listener: Listener, checkpoints: CheckpointManager) -> tuple[Any, dict[str, torch.Tensor]]:
        encoder, tokenizer = load_tiny(hidden_dropout=0.1)
        log = pretrain(encoder, prepared(silver, tokenizer, replace(SETTINGS, max_steps=6)), listener, checkpoints)
        return log.losses, tensors_of(encoder)

    return train


@pytest.fixture
def proxy(model: Path, tmp_path: Path) -> Train:
    def train(listener: Listener, checkpoints: CheckpointManager) -> tuple[Any, dict[str, torch.Tensor]]:
        proxy_extractor, data, _ = extractor(model, tmp_path / "data")
        run = train_proxy(proxy_extractor, data, PROXY, seed=0, listener=listener, checkpoints=checkpoints)
        evidence = run.evidence
        assert evidence.batch
        assert evidence.epoch
        columns = [column.tolist() for d in (evidence.batch, evidence.epoch) for column in d.columns().values()]
        return columns, tensors_of(proxy_extractor)

    return train


@pytest.fixture
def tuning(model: Path, tmp_path: Path) -> Train:
    def train(listener: Listener, checkpoints: CheckpointManager) -> tuple[Any, dict[str, torch.Tensor]]:
        tuned, data, dev = extractor(model, tmp_path / "data")
        result = finetune(tuned, data, dev, TUNE, seed=0, listener=listener, checkpoints=checkpoints)
        return vars(result), tensors_of(tuned)

    return train


@pytest.mark.parametrize("stage", ["pretraining", "proxy", "tuning"])
@pytest.mark.parametrize("save_steps", [1, 2])
def test_a_resumed_loop_gives_the_uninterrupted_result(
    stage: str, save_steps: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Compares bit for bit, for interruptions at every step."""
    train: Train = request.getfixturevalue(stage)
    numbers, weights = train(Listener(), CheckpointManager())
    for after in range(save_steps + 1, 7):
        at = tmp_path / f"{after}"
        with pytest.raises(BrokenError):
            train(Breaks(after), kept(at, save_steps))
        listener = Breaks(-1)
        again, resumed = train(listener, kept(at, save_steps, note=listener.note))
        assert listener.told[0].startswith("resuming at step "), after
        assert again == numbers, after
        for name, tensor in weights.items():
            assert torch.equal(resumed[name], tensor), (after, name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_and_writes_a_checkpoint(
    number: int, pretraining: Train, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Background jobs of a shell ignore SIGINT.
    request.addfinalizer(partial(signal.signal, number, signal.signal(number, signal.default_int_handler)))
    before = signal.getsignal(number)
    uninterrupted, weights = pretraining(Listener(), CheckpointManager())
    with pytest.raises(StoppedError, match="before step 4 of 'at'; a checkpoint is written") as caught:
        pretraining(Breaks(3, number), kept(tmp_path / "at", every=1000))
    assert caught.value.exit_code == 128 + number
    assert signal.getsignal(number) is before
    assert [path.name for path in (tmp_path / "at").iterdir()] == ["step-000000003"]
    again, resumed = pretraining(Listener(), kept(tmp_path / "at"))
    assert again == uninterrupted
    assert all(torch.equal(resumed[name], tensor) for name, tensor in weights.items())


def test_only_the_newest_checkpoints_are_kept_and_none_after_the_stage(pretraining: Train, tmp_path: Path) -> None:
    checkpoints = kept(tmp_path / "at")
    pretraining(Listener(), checkpoints)
    assert sorted(path.name for path in (tmp_path / "at").iterdir()) == ["step-000000004", "step-000000005"]
    checkpoints.clear()
    assert not (tmp_path / "at").exists()


def _cut(path: Path) -> None:
    (path / "state.safetensors").write_bytes(b"cut off")


def _flip(path: Path) -> None:
    """Flips two bits of the last tensor."""
    content = bytearray((path / "state.safetensors").read_bytes())
    content[-3] ^= 4
    content[-9] ^= 1
    (path / "state.safetensors").write_bytes(content)


def _of_others(change: Callable[[dict[str, torch.Tensor]], None]) -> Damage:
    """Returns damage of the tensors whose hash is right."""

    def damage(path: Path) -> None:
        tensors = load_file(path / "state.safetensors")
        change(tensors)
        save_file(tensors, path / "state.safetensors")
        state = read_json(path / "state.json") | {"sha256": digest(path / "state.safetensors")}
        write_sealed_json(path / "state.json", state)

    return damage


def _missing(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[next(name for name in tensors if name.startswith("module."))]


def _misshapen(tensors: dict[str, torch.Tensor]) -> None:
    name = next(name for name in tensors if name.startswith("module."))
    tensors[name] = tensors[name].flatten()[:-1].clone()


def _misshapen_moment(tensors: dict[str, torch.Tensor]) -> None:
    name = next(name for name in tensors if name.startswith("adam.exp_avg."))
    tensors[name] = tensors[name].flatten()[:-1].clone()


def _state(content: str) -> Damage:
    def damage(path: Path) -> None:
        (path / "state.json").write_text(content, encoding="utf-8")

    return damage


DAMAGES: dict[str, Damage] = {
    "cut off": _cut,
    "two flipped bits": _flip,
    "a missing tensor": _of_others(_missing),
    "another shape": _of_others(_misshapen),
    "another shape of a moment": _of_others(_misshapen_moment),
    "no state": _state(""),
    "a list": _state("[1, 2]"),
    "mistyped": _state('{"step": "4", "made_from": 3, "record": [], "sha256": null}'),
    "deep": _state("[" * 100_000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_checkpoint_is_skipped_for_an_older_one(damage: Damage, pretraining: Train, tmp_path: Path) -> None:
    uninterrupted, _ = pretraining(Listener(), CheckpointManager())
    with pytest.raises(BrokenError):
        pretraining(Breaks(5), kept(tmp_path / "at"))
    damage(tmp_path / "at" / "step-000000004")
    notes: list[str] = []
    again, _ = pretraining(Listener(), kept(tmp_path / "at", note=notes.append))
    assert again == uninterrupted
    assert "step-000000004 cannot be read" in notes[0]
    assert notes[1].startswith("resuming at step 3")


def test_checkpoints_of_other_settings_are_ignored(pretraining: Train, tmp_path: Path) -> None:
    with pytest.raises(BrokenError):
        pretraining(Breaks(5), kept(tmp_path / "at"))
    notes: list[str] = []
    pretraining(Listener(), kept(tmp_path / "at", made_from="y", note=notes.append))
    assert notes == []


def test_a_full_disk_leaves_the_last_good_checkpoint(
    pretraining: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted, _ = pretraining(Listener(), CheckpointManager())
    written = []

    def save(tensors: Any, path: Path) -> None:
        written.append(path)
        if len(written) == 4:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device", str(path))
        safe(tensors, path)

    safe = save_file
    monkeypatch.setattr("finecl.training.checkpointing.save_file", save)
    with pytest.raises(OSError, match="No space left"):
        pretraining(Listener(), kept(tmp_path / "at"))
    assert sorted(path.name for path in (tmp_path / "at").iterdir()) == ["step-000000002", "step-000000003"]
    again, _ = pretraining(Listener(), kept(tmp_path / "at"))
    assert again == uninterrupted


def test_a_checkpoint_holds_no_pickle(pretraining: Train, tmp_path: Path) -> None:
    pretraining(Listener(), kept(tmp_path / "at"))
    for path in (tmp_path / "at").glob("*/*"):
        assert path.suffix in (".json", ".safetensors")
    state = json.loads(next((tmp_path / "at").glob("*/state.json")).read_text())
    assert state.keys() == {"step", "made_from", "record", "sha256", CHECKSUM}
