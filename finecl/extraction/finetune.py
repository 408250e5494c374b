"""Stage 3: fine-tuning an extractor on gold labels; the epoch and the threshold are chosen on dev."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.config.schema import FinetuneSettings
from finecl.distributed.gathered_state import put_tensors, tensors_of
from finecl.errors import TrainingError
from finecl.extraction.calibration import calibration_errors, fit_calibration
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.loop import Training
from finecl.extraction.prediction import PairScores, score_pairs
from finecl.metrics import Threshold, choose_threshold
from finecl.progress import Listener
from finecl.training.checkpointing import CheckpointManager, Saved
from finecl.types import Floats


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """The best epoch on dev, its F1 there, and the score from which on a relation is predicted.

    ``thresholds`` are those of single relations, if they were asked for. ``calibration`` makes probabilities of scores
    (see ``finecl.extraction.calibration``); ``dev_calibration`` are the errors on dev with and without it.
    """

    threshold: float
    dev_f1: float
    epoch: int
    dev_f1_by_epoch: dict[int, float]
    thresholds: dict[str, float] | None = None
    calibration: dict[str, Any] = field(default_factory=dict)
    dev_calibration: dict[str, float] = field(default_factory=dict)


def _chosen(scored: PairScores, dev: ExtractionDataset) -> Threshold:
    """The threshold of the best micro F1 on dev; of marked sentences, the F1 of the relation chosen for each."""
    correct, gold = scored.correct(dev), len(dev.instances)
    if not scored.marked:
        return choose_threshold(scored.scores_PR.ravel(), correct.ravel(), gold)
    predicted = scored.predicted(0.0)
    f1 = 2 * int((predicted & correct).sum()) / max(1, int(predicted.sum()) + gold)
    return Threshold(threshold=0.0, f1=f1)


@dataclass(kw_only=True)
class _Best:
    """The best epoch on dev so far, the weights it had, and the F1 of every epoch that was looked at."""

    extractor: Any
    f1: float = -1.0
    epoch: int = 0
    threshold: float = 0.0
    by_epoch: dict[int, float] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def end_epoch(self, epoch: int, dev: ExtractionDataset, max_tokens: int | None) -> None:
        """Measures dev after an epoch, and keeps the weights if it is the best."""
        scored = score_pairs(self.extractor, dev, max_tokens=max_tokens)
        chosen = _chosen(scored, dev)
        self.by_epoch[epoch] = chosen.f1
        if chosen.f1 > self.f1:
            self.f1, self.epoch, self.threshold = chosen.f1, epoch, chosen.threshold
            self.weights = tensors_of(self.extractor)

    def state_dict(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """For a checkpoint."""
        record = {"f1": self.f1, "epoch": self.epoch, "threshold": self.threshold, "by_epoch": self.by_epoch}
        return {name: tensor.numpy() for name, tensor in self.weights.items()}, record

    def load_state_dict(self, saved: Saved) -> None:
        """From a checkpoint: the return value of ``state_dict``."""
        for key, value in saved.record.items():
            setattr(self, key, {int(k): v for k, v in value.items()} if key == "by_epoch" else value)
        self.weights = {name: torch.from_numpy(array) for name, array in saved.arrays.items()}


def finetune(
    extractor: Any,
    train: ExtractionDataset,
    dev: ExtractionDataset,
    settings: FinetuneSettings,
    *,
    seed: int,
    stage: str = "finetune",
    listener: Listener | None = None,
    checkpoints: CheckpointManager | None = None,
    difficulty: Floats | None = None,
    random_stage: str = "",
) -> Finetuned:
    """Trains an extractor in place and leaves it as it was in its best epoch on dev (plain F1, as in the release).

    The parameters are those of ``finecl.extraction.loop.Training``.

    Raises:
        TrainingError: there is nothing to learn from, or the loss is not a number.
        StoppedError: a signal came; a checkpoint was written.
    """
    if not len(train.instances) or not len(dev.instances):
        raise TrainingError("fine-tuning needs gold labels in both train and dev; check the splits")
    best = _Best(extractor=extractor)
    training = Training(
        extractor=extractor,
        data=train,
        settings=settings,
        stage=stage,
        seed=seed,
        listener=listener or Listener(),
        checkpoints=checkpoints or CheckpointManager(),
        state_dict=best.state_dict,
        load_state_dict=best.load_state_dict,
        difficulty=difficulty,
        random_stage=random_stage,
    )
    for epoch in training.epochs():
        if epoch + 1 == settings.num_train_epochs or (epoch + 1) % settings.eval_epochs == 0:
            best.end_epoch(epoch + 1, dev, settings.max_tokens)
    put_tensors(best.weights, extractor)
    return _finished(best, dev, settings)


def _finished(best: _Best, dev: ExtractionDataset, settings: FinetuneSettings) -> Finetuned:
    """The best epoch with what its scores on dev tell: their calibration and, if asked for, relations' thresholds."""
    scored = score_pairs(best.extractor, dev, max_tokens=settings.max_tokens)
    correct = scored.correct(dev)
    calibration = fit_calibration(scored.scores_PR, correct, marked=scored.marked)
    own = relation_thresholds(scored, dev, best.threshold) if settings.thresholds == "per-relation" else None
    return Finetuned(
        threshold=best.threshold,
        dev_f1=best.f1,
        epoch=best.epoch,
        dev_f1_by_epoch=best.by_epoch,
        thresholds=own,
        calibration=calibration.to_dict(),
        dev_calibration=calibration_errors(calibration, scored.scores_PR, correct),
    )


def relation_thresholds(scored: PairScores, dev: ExtractionDataset, everywhere: float) -> dict[str, float]:
    """The threshold of the best F1 of each relation on its own; ``everywhere`` for one that dev does not show."""
    gold, correct = dev.instances, scored.correct(dev)
    counts = np.bincount(gold.relation, minlength=len(gold.relations)).tolist()
    found = {}
    for number, relation in enumerate(gold.relations):
        chosen = choose_threshold(scored.scores_PR[:, number], correct[:, number], counts[number])
        found[relation] = chosen.threshold if chosen.f1 > 0 else everywhere
    return found
