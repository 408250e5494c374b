"""DynamicsCallback records in a Trainer what a plain loop over the same logits computes, on one rank or several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Trainer, TrainerCallback, TrainingArguments

from finecl.errors import TrainingError
from finecl.integrations.transformers import DynamicsCallback
from tests.helpers.ranks import several

pytest.importorskip("accelerate", reason="the extra trackers is not installed: transformers' Trainer needs accelerate")


class Linear(nn.Module):
    """A classifier that stores its training batches."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weights = nn.Linear(4, 3)
        self.batches: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Logits and loss."""
        logits = self.weights(x)
        if self.training:
            self.batches.append((x.detach().clone(), logits.detach().clone(), labels.clone()))
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


class BrokenError(Exception):
    """Stands for any error during training."""


class Breaking(TrainerCallback):  # type: ignore[misc]
    """Interrupts training after the first step."""

    def __init__(self, error: type[BaseException] = BrokenError) -> None:
        self._error = error

    def on_step_end(self, *arguments: Any, **kwargs: Any) -> None:
        raise self._error


def data(count: int = 30) -> tuple[Dataset, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Examples of three classes, their labels of which every fifth is wrong, and which are wrong."""
    rng = np.random.default_rng(0)
    truth = np.arange(count) % 3
    x = (np.eye(3, 4)[truth] * 3 + rng.normal(0, 0.3, (count, 4))).astype(np.float32)
    labels = np.where(np.arange(count) % 5 == 0, (truth + 1) % 3, truth)
    dataset = Dataset.from_dict({"x": x.tolist(), "labels": labels.tolist(), "index": list(range(count))})
    return dataset, labels, labels != truth


def arguments(at: Path, **changed: Any) -> TrainingArguments:
    settings: dict[str, Any] = {
        "output_dir": str(at),
        "num_train_epochs": 4,
        "per_device_train_batch_size": 7,
        "learning_rate": 0.3,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
    }
    return TrainingArguments(**{**settings, **changed})


def test_dynamics_are_those_of_the_training_passes(tmp_path: Path) -> None:
    dataset, labels, wrong = data()
    model, callback = Linear(), DynamicsCallback(len(dataset))
    Trainer(model, arguments(tmp_path), train_dataset=dataset, callbacks=[callback]).train()
    dynamics = callback.evidence.batch
    assert dynamics is not None
    assert dynamics.correct.shape == (4, 30)
    x = np.array(dataset["x"], dtype=np.float32)
    batches = -(-30 // 7)
    assert len(model.batches) == 4 * batches
    for number, (batch_x, batch_logits, batch_labels) in enumerate(model.batches):
        epoch = number // batches
        for row, logits, label in zip(batch_x, batch_logits, batch_labels, strict=True):
            index = int(np.flatnonzero((x == row.numpy()).all(axis=1))[0])
            assert dynamics.correct[epoch, index] == (int(logits.argmax()) == int(label))
            assert dynamics.confidence[epoch, index] == pytest.approx(float(logits.softmax(0)[label]), abs=1e-5)
            others = logits.clone()
            others[label] = -torch.inf
            assert dynamics.margin[epoch, index] == pytest.approx(float(logits[label] - others.max()), abs=1e-4)
    noise = callback.score("area-under-margin", labels)
    assert noise[wrong].min() > noise[~wrong].max()
    assert np.isfinite(callback.score("learning-order", labels, floor=0.0)[~wrong]).all()


def recorded(at: Path, batch_size: int) -> dict[str, Any]:
    """Dynamics of a training on this rank; ``batch_size`` is that of one rank."""
    dataset, _, _ = data()
    callback = DynamicsCallback(len(dataset))
    settings = arguments(at, per_device_train_batch_size=batch_size)
    Trainer(Linear(), settings, train_dataset=dataset, callbacks=[callback]).train()
    assert callback.evidence.batch
    return callback.evidence.batch.columns()


def test_two_ranks_record_what_one_rank_records(tmp_path: Path) -> None:
    expected = recorded(tmp_path, 10)
    assert np.isfinite(expected["loss"]).all()
    for columns in several(2, recorded, tmp_path / "ranks", tmp_path, 5):
        for name, values in expected.items():
            np.testing.assert_allclose(columns[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_examples_repeated_in_the_last_batch_are_recorded_once(tmp_path: Path) -> None:
    first, second = several(2, recorded, tmp_path / "ranks", tmp_path, 7)
    assert np.isfinite(first["loss"]).all()
    for name, values in first.items():
        np.testing.assert_array_equal(second[name], values)


@pytest.mark.parametrize("error", [BrokenError, KeyboardInterrupt])
def test_hooks_are_removed_when_training_is_interrupted(error: type[BaseException], tmp_path: Path) -> None:
    dataset, _, _ = data()
    model = Linear()
    with pytest.raises(error), DynamicsCallback(len(dataset)) as callback:
        Trainer(model, arguments(tmp_path), train_dataset=dataset, callbacks=[callback, Breaking(error)]).train()
    assert not model._forward_hooks
    assert not model._forward_pre_hooks


def test_a_second_training_removes_the_hooks_of_an_interrupted_one(tmp_path: Path) -> None:
    dataset, _, _ = data()
    model, callback = Linear(), DynamicsCallback(len(dataset))
    with pytest.raises(BrokenError):
        Trainer(model, arguments(tmp_path), train_dataset=dataset, callbacks=[callback, Breaking()]).train()
    Trainer(model, arguments(tmp_path), train_dataset=dataset, callbacks=[callback]).train()
    assert not model._forward_hooks


def test_missing_columns_are_refused(tmp_path: Path) -> None:
    dataset, _, _ = data()
    callback = DynamicsCallback(len(dataset))
    with pytest.raises(TrainingError, match="remove_unused_columns=False"):
        Trainer(
            Linear(), arguments(tmp_path, remove_unused_columns=True), train_dataset=dataset, callbacks=[callback]
        ).train()
    with pytest.raises(TrainingError, match="recorded nothing"):
        _ = DynamicsCallback(3).evidence
    bare = dataset.remove_columns("index")
    trainer = Trainer(Linear(), arguments(tmp_path), train_dataset=bare, callbacks=[DynamicsCallback(30)])
    with pytest.raises(TrainingError, match="expected 'index' in every batch"):
        trainer.train()
