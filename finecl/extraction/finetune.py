"""Stage 3: fine-tuning an extractor on gold labels; the epoch and the threshold are chosen on dev."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.config.schema import FinetuneSettings
from finecl.distributed.gathered_state import put_tensors, tensors_of
from finecl.distributed.process_group import current
from finecl.errors import TrainingError
from finecl.extraction.calibration import Calibration, calibration_errors, fit_calibration
from finecl.extraction.decision import DecisionRule
from finecl.extraction.evaluation_data import EvaluationDataset
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.loop import Training
from finecl.extraction.pair_scores import PairScores, TorchBackend, score_pairs
from finecl.metrics.thresholds import Threshold, choose_threshold
from finecl.progress import Listener
from finecl.training.checkpointing import CheckpointManager, Saved
from finecl.types import Floats, Instances


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """The best epoch on dev, its F1 there, and the score threshold of a prediction.

    ``thresholds`` are per relation, if the settings ask for them. ``calibration`` converts scores to probabilities (see
    ``finecl.extraction.calibration``); ``dev_calibration`` are the errors on dev with and without it.
    """

    threshold: float
    dev_f1: float
    epoch: int
    dev_f1_by_epoch: dict[int, float]
    thresholds: dict[str, float] | None = None
    calibration: dict[str, Any] = field(default_factory=dict)
    dev_calibration: dict[str, float] = field(default_factory=dict)


def _score(extractor: Any, dev: EvaluationDataset, max_tokens: int | None) -> PairScores:
    """Scores dev on all ranks.

    Raises:
        TrainingError: dev has no entity pair to score.
    """
    scores = score_pairs(TorchBackend(extractor, max_tokens), dev.rows, current())
    if scores is None:
        raise TrainingError("no dev document has two entities within the encoder's reach: raise model.max_length")
    return scores


def _best_threshold(scores: PairScores, dev: EvaluationDataset) -> Threshold:
    """Returns the threshold of the best micro F1 on dev; marked sentences have no threshold, only an F1."""
    correct, gold = scores.correct(dev.gold), len(dev.gold)
    if not dev.marked:
        return choose_threshold(scores.scores_PR.ravel(), correct.ravel(), gold)
    rule = DecisionRule(threshold_R=np.zeros(1, dtype=np.float32), calibration=Calibration(), marked=True)
    selected = rule.selected(scores.scores_PR)
    f1 = 2 * int((selected & correct).sum()) / max(1, int(selected.sum()) + gold)
    return Threshold(threshold=0.0, f1=f1)


@dataclass(kw_only=True)
class _Best:
    """The best epoch on dev so far, its weights, and the dev F1 of every evaluated epoch."""

    extractor: Any
    f1: float = -1.0
    epoch: int = 0
    threshold: float = 0.0
    by_epoch: dict[int, float] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def end_epoch(self, epoch: int, dev: EvaluationDataset, max_tokens: int | None) -> None:
        """Evaluates dev after an epoch, and stores the weights if its F1 is the best so far."""
        best = _best_threshold(_score(self.extractor, dev, max_tokens), dev)
        self.by_epoch[epoch] = best.f1
        if best.f1 > self.f1:
            self.f1, self.epoch, self.threshold = best.f1, epoch, best.threshold
            self.weights = tensors_of(self.extractor)

    def state_dict(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the state for a checkpoint, as arrays and a record."""
        record = {"f1": self.f1, "epoch": self.epoch, "threshold": self.threshold, "by_epoch": self.by_epoch}
        return {name: tensor.numpy() for name, tensor in self.weights.items()}, record

    def load_state_dict(self, saved: Saved) -> None:
        """Restores the return value of ``state_dict`` from a checkpoint."""
        for key, value in saved.record.items():
            setattr(self, key, {int(k): v for k, v in value.items()} if key == "by_epoch" else value)
        self.weights = {name: torch.from_numpy(array) for name, array in saved.arrays.items()}


def finetune(
    extractor: Any,
    train: ExtractionDataset,
    dev: EvaluationDataset,
    settings: FinetuneSettings,
    *,
    seed: int,
    stage: str = "finetune",
    listener: Listener | None = None,
    checkpoints: CheckpointManager | None = None,
    difficulty: Floats | None = None,
    random_stage: str = "",
) -> Finetuned:
    """Trains an extractor in place, up to its best epoch on dev (F1); see ``finecl.extraction.loop.Training``.

    Raises:
        TrainingError: train or dev has no labels, or the loss is not finite.
        StoppedError: a signal arrived; a checkpoint was written.
    """
    if not len(train.instances) or not len(dev.gold):
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


def _finished(best: _Best, dev: EvaluationDataset, settings: FinetuneSettings) -> Finetuned:
    """Returns the best epoch with its calibration on dev and, if the settings ask for them, thresholds by relation."""
    scores = _score(best.extractor, dev, settings.max_tokens)
    correct = scores.correct(dev.gold)
    calibration = fit_calibration(scores.scores_PR, correct, marked=dev.marked)
    per_relation = settings.thresholds == "per-relation"
    return Finetuned(
        threshold=best.threshold,
        dev_f1=best.f1,
        epoch=best.epoch,
        dev_f1_by_epoch=best.by_epoch,
        thresholds=relation_thresholds(scores, dev.gold, best.threshold) if per_relation else None,
        calibration=calibration.to_dict(),
        dev_calibration=calibration_errors(calibration, scores.scores_PR, correct),
    )


def relation_thresholds(scores: PairScores, gold: Instances, default: float) -> dict[str, float]:
    """Returns the threshold of each relation's best F1; ``default`` for relations without a gold label."""
    correct = scores.correct(gold)
    counts = np.bincount(gold.relation, minlength=len(gold.relations)).tolist()
    thresholds = {}
    for number, relation in enumerate(gold.relations):
        best = choose_threshold(scores.scores_PR[:, number], correct[:, number], counts[number])
        thresholds[relation] = best.threshold if best.f1 > 0 else default
    return thresholds
