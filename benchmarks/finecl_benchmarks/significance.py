"""Is one system better than another on the same test items? Paired bootstrap and approximate randomisation.

Items are sentences, of which answer and gold label are known, or documents, of which the numbers of correct, predicted
and gold facts are. Shape letters: S seeds, N test items, K numbers of an item, the last of which is the gold's.
"""

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
    """``difference`` of two systems' means over seeds, its 95 % interval by the bootstrap over test items and seeds,
    and the p-value of approximate randomisation, two-sided: how often swapping the two systems' answers to items at
    random gives as much.
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
    """Compares two systems' ``outcomes``, one of each a seed, by the metric ``headline``: labels, answers and gold as
    numbers, or the counts of documents (``finecl.metrics.counts_by_document``).

    None if they are not of the same items, or if the metric is none that sums over items.
    """
    everyone = [*ones, *others]
    if not ones or len(ones) != len(others) or not all(everyone) or len({"counts" in each for each in everyone}) > 1:
        return None
    items, value = (_documents if "counts" in everyone[0] else _sentences)(everyone, headline)
    if value is None or not all(_of_the_same(each, items[0]) for each in items):
        return None
    first_SNK, second_SNK = np.stack(items[: len(ones)]), np.stack(items[len(ones) :])
    generator, (seeds, count, _) = np.random.default_rng(seed), first_SNK.shape

    def differences(first_SNK: Ints, second_SNK: Ints) -> Doubles:
        return np.array([value(one) - value(other) for one, other in zip(first_SNK, second_SNK, strict=True)])

    observed = float(differences(first_SNK, second_SNK).mean())
    drawn, swapped = np.empty(rounds), np.empty(rounds)
    for number in range(rounds):
        rows = generator.integers(0, count, count)
        some = generator.integers(0, seeds, seeds)
        drawn[number] = differences(first_SNK[:, rows], second_SNK[:, rows])[some].mean()
        swap_N1 = generator.random((count, 1)) < 0.5
        mixed, rest = np.where(swap_N1, second_SNK, first_SNK), np.where(swap_N1, first_SNK, second_SNK)
        swapped[number] = differences(mixed, rest).mean()
    low, high = np.quantile(drawn, [0.025, 0.975])
    beyond = int((np.abs(swapped) >= abs(observed) - 1e-12).sum())
    return Comparison(difference=observed, low=float(low), high=float(high), p=(beyond + 1) / (rounds + 1))


_Value = Callable[[Ints], float]
"""A metric of items ``[N, K]``."""


def _of_the_same(one_NK: Ints, other_NK: Ints) -> bool:
    return one_NK.shape == other_NK.shape and bool((one_NK[:, -1] == other_NK[:, -1]).all())


def _documents(everyone: Sequence[Mapping[str, Any]], headline: str) -> tuple[list[Ints], _Value | None]:
    """Correct, predicted and gold facts of each document, and their micro F1."""

    def micro_f1(counts_N3: Ints) -> float:
        correct, predicted, gold = counts_N3.sum(axis=0).tolist()
        return 2 * correct / (predicted + gold) if correct else 0.0

    return [np.array(each["counts"], dtype=np.int64) for each in everyone], micro_f1 if headline == "f1" else None


def _sentences(everyone: Sequence[Mapping[str, Any]], headline: str) -> tuple[list[Ints], _Value | None]:
    """Answer and gold label of each sentence as numbers that are the same for all, and the metric of them."""
    labels = sorted({label for each in everyone for label in each["labels"]})
    score, none = _VALUES.get(headline), _none_of(labels)
    items = [np.stack([_numbers(each, key, labels) for key in ("answers", "gold")], axis=1) for each in everyone]
    if score is None:
        return items, None
    return items, lambda items_N2: score(items_N2[:, 1], items_N2[:, 0], labels, none)


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
