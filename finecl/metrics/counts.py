"""Precision, recall and F1 from counts, and ranks with ties."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from finecl.types import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Micro scores, fractions from 0 to 1, and their counts."""

    precision: float
    recall: float
    f1: float
    predicted: int
    gold: int
    correct: int


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Scores of one relation; ``support`` is the number of its gold facts."""

    precision: float
    recall: float
    f1: float
    support: int


def ratio(part: float, whole: int) -> float:
    """Returns ``part / whole``; 0 if ``whole`` is 0."""
    return part / whole if whole else 0.0


def f1_of(precision: float, recall: float) -> float:
    """Returns the harmonic mean of precision and recall."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def scores_of(*, correct: int, predicted: int, gold: int) -> Scores:
    """Computes the scores from three counts."""
    precision, recall = ratio(correct, predicted), ratio(correct, gold)
    f1 = f1_of(precision, recall)
    return Scores(precision=precision, recall=recall, f1=f1, predicted=predicted, gold=gold, correct=correct)


def mean(values: Collection[float]) -> float:
    """Returns the mean; 0 without values."""
    return ratio(sum(values), len(values))


def scores_by_class(
    correct: Mapping[str, int], predicted: Mapping[str, int], gold: Mapping[str, int], names: Sequence[str]
) -> dict[str, Scores]:
    """Computes the scores of each class in ``names`` from counts by class."""
    return {
        name: scores_of(correct=correct.get(name, 0), predicted=predicted.get(name, 0), gold=gold.get(name, 0))
        for name in names
    }


def dense_ranks(noise: Floats) -> Ints:
    """Returns the dense rank of each number ``[N]``, from 0; equal numbers share a rank, infinite ones have one too."""
    return np.unique(noise, return_inverse=True)[1].ravel().astype(np.int64)


def share_of_highest(ranks: Ints, true: Bools, count: int) -> float:
    """Returns the share of true elements among the ``count`` of highest rank; the expected share if ranks tie.

    *Shape:* ``ranks``, ``true`` [N], N >= ``count`` >= 1.
    """
    border = np.partition(ranks, -count)[-count]
    above, tied = ranks > border, ranks == border
    expected = true[above].sum() + (count - above.sum()) * true[tied].mean()
    return float(expected / count)
