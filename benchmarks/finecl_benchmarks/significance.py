"""Is one system better than another on the same test sentences? Paired bootstrap and approximate randomisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from finecl.metrics import semeval_scores
from finecl.types import Ints

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """``difference`` of two systems' means over seeds, its 95 % interval by the bootstrap over test sentences and
    seeds, and the p-value of approximate randomisation, two-sided: how often swapping the two systems' answers to
    sentences at random gives as much.
    """

    difference: float
    low: float
    high: float
    p: float


def compare(
    ones: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
    headline: str,
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> Comparison | None:
    """Compares two systems' ``outcomes`` (labels, answers and gold as numbers), one of each a seed, by the metric
    ``headline``.

    None if they are not of the same sentences, or if the metric is none that sums over sentences.
    """
    value = _VALUES.get(headline)
    everyone = [*ones, *others]
    if value is None or not ones or len(ones) != len(others) or not all(everyone):
        return None
    if any(_named(each, "gold") != _named(ones[0], "gold") for each in everyone[1:]):
        return None
    labels = sorted({label for each in everyone for label in each["labels"]})
    gold = _numbers(ones[0], "gold", labels)
    first_SN, second_SN = (np.array([_numbers(each, "answers", labels) for each in s]) for s in (ones, others))
    generator, none = np.random.default_rng(seed), _none_of(labels)

    def differences(gold: Ints, first_SN: Ints, second_SN: Ints) -> Doubles:
        pairs = zip(first_SN, second_SN, strict=True)
        return np.array([value(gold, a, labels, none) - value(gold, b, labels, none) for a, b in pairs])

    observed_S = differences(gold, first_SN, second_SN)
    observed, seeds = float(observed_S.mean()), len(ones)
    drawn, swapped = np.empty(rounds), np.empty(rounds)
    for number in range(rounds):
        rows = generator.integers(0, len(gold), len(gold))
        some = generator.integers(0, seeds, seeds)
        drawn[number] = differences(gold[rows], first_SN[:, rows], second_SN[:, rows])[some].mean()
        swap = generator.random(len(gold)) < 0.5
        mixed, rest = np.where(swap, second_SN, first_SN), np.where(swap, first_SN, second_SN)
        swapped[number] = differences(gold, mixed, rest).mean()
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
