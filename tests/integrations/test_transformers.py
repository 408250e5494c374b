"""The callback records in anybody's Trainer what a plain loop over the same logits gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Trainer, TrainingArguments

from finecl.errors import TrainingError
from finecl.integrations.transformers import DynamicsCallback

pytest.importorskip("accelerate", reason="the extra trackers is not installed: transformers' Trainer needs accelerate")


class Linear(nn.Module):
    """A classifier that remembers what it said, batch after batch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.weights = nn.Linear(4, 3)
        self.said: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Logits and loss."""
        logits = self.weights(x)
        if self.training:
            self.said.append((x.detach().clone(), logits.detach().clone(), labels.clone()))
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def data(count: int = 30) -> tuple[Dataset, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Examples of three classes, every fifth with a wrong label; and which those are."""
    rng = np.random.default_rng(0)
    truth = np.arange(count) % 3
    x = (np.eye(3, 4)[truth] * 3 + rng.normal(0, 0.3, (count, 4))).astype(np.float32)
    labels = np.where(np.arange(count) % 5 == 0, (truth + 1) % 3, truth)
    made = Dataset.from_dict({"x": x.tolist(), "labels": labels.tolist(), "index": list(range(count))})
    return made, labels, labels != truth


def arguments(at: Path, **given: Any) -> TrainingArguments:
    chosen: dict[str, Any] = {
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
    return TrainingArguments(**{**chosen, **given})


def test_dynamics_are_those_of_the_training_passes(tmp_path: Path) -> None:
    made, labels, wrong = data()
    model, callback = Linear(), DynamicsCallback(len(made))
    Trainer(model, arguments(tmp_path), train_dataset=made, callbacks=[callback]).train()
    dynamics = callback.evidence.batch
    assert dynamics is not None
    assert dynamics.correct.shape == (4, 30)
    x = np.array(made["x"], dtype=np.float32)
    batches = -(-30 // 7)
    assert len(model.said) == 4 * batches
    for number, (seen, logits, given) in enumerate(model.said):
        epoch = number // batches
        for row, judged, label in zip(seen, logits, given, strict=True):
            index = int(np.flatnonzero((x == row.numpy()).all(axis=1))[0])
            assert dynamics.correct[epoch, index] == (int(judged.argmax()) == int(label))
            assert dynamics.confidence[epoch, index] == pytest.approx(float(judged.softmax(0)[label]), abs=1e-5)
            others = judged.clone()
            others[label] = -torch.inf
            assert dynamics.margin[epoch, index] == pytest.approx(float(judged[label] - others.max()), abs=1e-4)
    noise = callback.score("area-under-margin", labels)
    assert noise[wrong].min() > noise[~wrong].max()
    assert np.isfinite(callback.score("learning-order", labels, floor=0.0)[~wrong]).all()


def test_what_the_trainer_would_drop_is_asked_for(tmp_path: Path) -> None:
    made, _, _ = data()
    callback = DynamicsCallback(len(made))
    with pytest.raises(TrainingError, match="remove_unused_columns=False"):
        Trainer(
            Linear(), arguments(tmp_path, remove_unused_columns=True), train_dataset=made, callbacks=[callback]
        ).train()
    with pytest.raises(TrainingError, match="recorded nothing"):
        _ = DynamicsCallback(3).evidence
    bare = made.remove_columns("index")
    trainer = Trainer(Linear(), arguments(tmp_path), train_dataset=bare, callbacks=[DynamicsCallback(30)])
    with pytest.raises(TrainingError, match="expected 'index' in every batch"):
        trainer.train()
