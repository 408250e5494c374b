"""Which relations are predicted, given the scores of entity pairs: one rule for dev, test and inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finecl.extraction.calibration import Calibration
from finecl.extraction.pair_scores import PairScores
from finecl.metrics.docred import Fact
from finecl.types import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Predicted relations as columns ``[N]``; ``document`` counts within the scored documents."""

    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    score: Floats
    probability: Floats

    @classmethod
    def empty(cls) -> Predictions:
        """Returns no predictions."""
        none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        return cls(document=none, head=none, tail=none, relation=none, score=nothing, probability=nothing)

    def facts(self, titles: Sequence[str], relations: Sequence[str]) -> list[Fact]:
        """Returns the predictions as (title, head, relation, tail) facts, highest score first."""
        order = np.argsort(-self.score, kind="stable")
        columns = (getattr(self, name)[order].tolist() for name in ("document", "head", "tail", "relation"))
        return [(titles[d], head, tail, relations[r]) for d, head, tail, r in zip(*columns, strict=True)]


@dataclass(frozen=True, kw_only=True)
class DecisionRule:
    """Selects predicted relations from scores.

    A relation is predicted if its score is at least ``threshold_R``, which dev chose, or if its probability is at
    least ``probability``. Of a marked sentence only the highest-scoring relation is predicted, if its score is above 0
    or it has that probability.

    *Shape:* ``threshold_R`` [relations].
    """

    threshold_R: Floats
    calibration: Calibration
    marked: bool
    probability: float | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any], *, marked: bool, probability: float | None = None) -> DecisionRule:
        """Returns the rule of a saved extractor's configuration."""
        calibration = Calibration.of(config, marked=marked)
        return cls(threshold_R=thresholds_of(config), calibration=calibration, marked=marked, probability=probability)

    def decide(self, scores: PairScores, allowed_PR: Bools | None = None) -> Predictions:
        """Returns the predicted relations; ``allowed_PR`` [P, relations] excludes others."""
        scores_PR = scores.scores_PR
        pair, relation = np.nonzero(self.selected(scores_PR, allowed_PR))
        probability = self.calibration.at(scores_PR, pair, relation)
        likely = probability >= (self.probability or 0.0)
        pair, relation = pair[likely], relation[likely]
        return Predictions(
            document=scores.document[pair],
            head=scores.head[pair],
            tail=scores.tail[pair],
            relation=relation,
            score=scores_PR[pair, relation],
            probability=probability[likely],
        )

    def selected(self, scores_PR: Floats, allowed_PR: Bools | None = None) -> Bools:
        """Returns which relations are predicted ``[P, relations]``; with a ``probability``, which may be predicted."""
        selected_PR = self._highest(scores_PR, allowed_PR)
        if self.probability is None:
            selected_PR &= scores_PR > 0 if self.marked else scores_PR >= self.threshold_R
        return selected_PR

    def _highest(self, scores_PR: Floats, allowed_PR: Bools | None) -> Bools:
        """Returns which relations may be predicted: all allowed ones, or of marked sentences the highest of them."""
        allowed_PR = np.ones(scores_PR.shape, dtype=np.bool_) if allowed_PR is None else allowed_PR
        if not self.marked:
            return allowed_PR.copy()
        best = np.where(allowed_PR, scores_PR, -np.inf).argmax(axis=1)
        rows = np.arange(len(best))
        highest = np.zeros_like(allowed_PR)
        highest[rows, best] = allowed_PR[rows, best]
        return highest


def thresholds_of(config: Mapping[str, Any]) -> Floats:
    """Returns the threshold of each relation ``[relations]``; +inf where dev chose none."""
    everywhere = config["threshold"]
    own = config.get("thresholds") or {}
    thresholds = [own.get(relation, everywhere) for relation in config["relations"]]
    return np.array([np.inf if value is None else value for value in thresholds], dtype=np.float32)
