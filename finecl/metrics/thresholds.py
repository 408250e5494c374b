"""Chooses the decision threshold of best F1, and computes the area under the precision-recall curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import auc

from finecl.types import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The minimum score of predicted relations (``score >= threshold``), and the F1 at this threshold."""

    threshold: float
    f1: float


def choose_threshold(scores: Floats, correct: Bools, gold_count: int) -> Threshold:
    """Returns the threshold of the best F1, one for all relations; among equal F1s the highest threshold.

    Predictions are the candidates with ``score >= threshold``, so candidates of equal score are predicted together,
    and the threshold reproduces this F1 exactly. (The releases of DocRED, ERICA and FineCL count the arg-max
    candidate but then predict ``score > threshold``.) Without candidates the threshold is +inf.

    *Shape:* ``scores``, ``correct`` [N], one for each (pair, relation). ``gold_count`` is the number of gold facts,
    including those without a candidate, such as pairs lost by truncation.
    """
    if not scores.size:
        return Threshold(threshold=float("inf"), f1=0.0)
    threshold, hits, predicted = _prefixes(scores, correct)
    f1 = 2 * hits / (predicted + gold_count)
    best = int(f1.argmax())
    return Threshold(threshold=float(threshold[best]), f1=float(f1[best]))


def precision_recall_auc(scores: Floats, correct: Bools, gold_count: int) -> float:
    """Computes the area under the precision-recall curve by trapezoids (DocRED's code).

    The curve has a point for each distinct score and is not extended to recall 0 or 1; with fewer than two points the
    area is 0. Gold facts without a candidate count in recall.

    *Shape:* ``scores``, ``correct`` [N].
    """
    if scores.size < 2 or not gold_count:
        return 0.0
    _, hits, predicted = _prefixes(scores, correct)
    return float(auc(hits / gold_count, hits / predicted)) if len(hits) > 1 else 0.0


def _prefixes(scores: Floats, correct: Bools) -> tuple[Floats, Ints, Ints]:
    """Returns the distinct scores, highest first, and the numbers of correct and of all candidates that reach each."""
    order = np.argsort(-scores)
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    return ordered[last], np.cumsum(correct[order], dtype=np.int64)[last], last.astype(np.int64) + 1
