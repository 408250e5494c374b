"""Is one system better than another on the same test sentences? Paired bootstrap and approximate randomisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finecl.metrics import semeval_scores
from finecl.types import Ints

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """``difference`` of two systems, its 95 % interval by the bootstrap over sentences, and the p-value of
    approximate randomisation, two-sided: how often swapping the two systems' answers at random gives as much.
    """

    difference: float
    low: float
    high: float
    p: float


def compare(
    one: Mapping[str, Any], other: Mapping[str, Any], headline: str, *, rounds: int = 1000, seed: int = 0
) -> Comparison | None:
    """Compares two systems' ``outcomes`` (labels, answers and gold as numbers) by the metric ``headline``.

    None if they are not of the same sentences, or if the metric is none that sums over sentences.
    """
    value = _VALUES.get(headline)
    if value is None or not one or not other or _named(one, "gold") != _named(other, "gold"):
        return None
    labels = sorted({*one["labels"], *other["labels"]})
    gold, first, second = (
        _numbers(outcomes, key, labels) for outcomes, key in ((one, "gold"), (one, "answers"), (other, "answers"))
    )
    generator, none = np.random.default_rng(seed), _none_of(labels)
    observed = value(gold, first, labels, none) - value(gold, second, labels, none)
    drawn, swapped = np.empty(rounds), np.empty(rounds)
    for number in range(rounds):
        rows = generator.integers(0, len(gold), len(gold))
        drawn[number] = value(gold[rows], first[rows], labels, none) - value(gold[rows], second[rows], labels, none)
        swap = generator.random(len(gold)) < 0.5
        mixed, rest = np.where(swap, second, first), np.where(swap, first, second)
        swapped[number] = value(gold, mixed, labels, none) - value(gold, rest, labels, none)
    low, high = np.quantile(drawn, [0.025, 0.975])
    beyond = int((np.abs(swapped) >= abs(observed) - 1e-12).sum())
    return Comparison(difference=observed, low=float(low), high=float(high), p=(beyond + 1) / (rounds + 1))


def _named(outcomes: Mapping[str, Any], key: str) -> list[str]:
    return [outcomes["labels"][number] for number in outcomes[key]]


def _numbers(outcomes: Mapping[str, Any], key: str, labels: list[str]) -> Ints:
    place = np.array([labels.index(label) for label in outcomes["labels"]], dtype=np.int64)
    found: Ints = place[np.array(outcomes[key], dtype=np.int64)]
    return found


def _none_of(labels: list[str]) -> int:
    """The label that says there is no relation, -1 without any."""
    return next((labels.index(name) for name in ("no_relation", "Other", "NA") if name in labels), -1)


def _accuracy(gold: Ints, answers: Ints, labels: list[str], none: int) -> float:
    return float((gold == answers).mean())


def _micro_f1(gold: Ints, answers: Ints, labels: list[str], none: int) -> float:
    correct = int(((gold == answers) & (gold != none)).sum())
    claimed = int((answers != none).sum()) + int((gold != none).sum())
    return 2 * correct / claimed if claimed else 0.0


def _official_macro_f1(gold: Ints, answers: Ints, labels: list[str], none: int) -> float:
    """SemEval's score from counts of relations without their direction, of which an answer must have the right one."""
    bare = [label.partition("(")[0] for label in labels]
    relations = sorted(set(bare) - {"Other"})
    of = np.array([relations.index(name) if name in relations else -1 for name in bare])
    right = np.bincount(of[gold][(gold == answers) & (of[gold] >= 0)], minlength=len(relations))
    claimed, there = (np.bincount(of[x][of[x] >= 0], minlength=len(relations)) for x in (answers, gold))
    scores = [2 * right[r] / (claimed[r] + there[r]) for r in range(len(relations)) if there[r]]
    return float(np.mean(scores)) if scores else 0.0


_VALUES: Mapping[str, Callable[[Ints, Ints, list[str], int], float]] = {
    "accuracy": _accuracy,
    "f1": _micro_f1,
    "official_macro_f1": _official_macro_f1,
}


def official(outcomes: Mapping[str, Any]) -> float:
    """SemEval's score of outcomes by finecl's own metric, to be compared with the quick one here."""
    gold, answers = (dict(enumerate(_named(outcomes, key))) for key in ("gold", "answers"))
    given = ({str(n): label for n, label in each.items()} for each in (answers, gold))
    return semeval_scores(*given).official.macro_f1
