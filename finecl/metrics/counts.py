"""Precision, recall and F1 from three counts; 0 where a script would divide by zero."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Micro scores, fractions 0 .. 1, with the counts behind them."""

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
    """``part / whole``; 0 of nothing."""
    return part / whole if whole else 0.0


def f1_of(precision: float, recall: float) -> float:
    """Their harmonic mean."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def scores_of(*, correct: int, predicted: int, gold: int) -> Scores:
    """The scores that three counts give."""
    precision, recall = ratio(correct, predicted), ratio(correct, gold)
    f1 = f1_of(precision, recall)
    return Scores(precision=precision, recall=recall, f1=f1, predicted=predicted, gold=gold, correct=correct)


def mean(values: Collection[float]) -> float:
    """Their mean; 0 of none."""
    return ratio(sum(values), len(values))


def scores_by_class(
    correct: Mapping[str, int], predicted: Mapping[str, int], gold: Mapping[str, int], names: Sequence[str]
) -> dict[str, Scores]:
    """The scores of each of some classes, from counts by class."""
    return {
        name: scores_of(correct=correct.get(name, 0), predicted=predicted.get(name, 0), gold=gold.get(name, 0))
        for name in names
    }
