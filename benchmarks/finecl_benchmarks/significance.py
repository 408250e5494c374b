"""Significance of the difference between two systems: paired bootstrap and approximate randomisation over test items.

Items are sentences (predicted and gold label) or documents (numbers of correct, predicted and gold facts). Shape
letters: S seeds, N test items, K numbers per item, of which the last is the gold's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from finecl.metrics import semeval_scores
from finecl.types import Ints

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Difference of two systems' means over seeds.

    ``low`` and ``high`` bound the 95 % interval by the bootstrap over test items and seeds. ``p`` is the two-sided
    p-value of approximate randomisation: the share of random swaps of the systems' predictions with at least this
    absolute difference.
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
    """Compares two systems by the metric ``headline``.

    ``ones`` and ``others`` hold one mapping per seed: labels, answers and gold as label numbers, or counts of documents
    (``finecl.metrics.counts_by_document``). All seeds have the same test items, or each seed has its own, as many as
    the others; then the items of each seed are resampled on their own.

    Returns None if the two systems have other items, or if the metric is not a function of counts over items.
    """
    outcomes = [*ones, *others]
    if not ones or len(ones) != len(others) or not all(outcomes) or len({"counts" in each for each in outcomes}) > 1:
        return None
    items, value = (_documents if "counts" in outcomes[0] else _sentences)(outcomes, headline)
    pairs = list(zip(items[: len(ones)], items[len(ones) :], strict=True))
    if value is None or not _comparable(pairs):
        return None
    shared = all(_same_items(each, items[0]) for each in items)
    first_SNK, second_SNK = (np.stack(side) for side in zip(*pairs, strict=True))
    generator, (seeds, count, _) = np.random.default_rng(seed), first_SNK.shape
    drawn, seed_S1 = 1 if shared else seeds, np.arange(seeds)[:, None]
    differences = partial(_differences, value)
    observed = float(differences(first_SNK, second_SNK).mean())
    resampled, swapped = np.empty(rounds), np.empty(rounds)
    for number in range(rounds):
        rows_SN = generator.integers(0, count, (drawn, count))
        chosen_seeds = generator.integers(0, seeds, seeds)
        resampled[number] = differences(first_SNK[seed_S1, rows_SN], second_SNK[seed_S1, rows_SN])[chosen_seeds].mean()
        swap = generator.random((drawn, count, 1)) < 0.5
        mixed = np.where(swap, second_SNK, first_SNK), np.where(swap, first_SNK, second_SNK)
        swapped[number] = differences(*mixed).mean()
    low, high = np.quantile(resampled, [0.025, 0.975])
    beyond = int((np.abs(swapped) >= abs(observed) - 1e-12).sum())
    return Comparison(difference=observed, low=float(low), high=float(high), p=(beyond + 1) / (rounds + 1))


_Value = Callable[[Ints], float]
"""Metric of items ``[N, K]``."""


def _differences(value: _Value, first_SNK: Ints, second_SNK: Ints) -> Doubles:
    """Returns the difference of the metric for each seed ``[S]``."""
    return np.array([value(one) - value(other) for one, other in zip(first_SNK, second_SNK, strict=True)])


def _comparable(pairs: Sequence[tuple[Ints, Ints]]) -> bool:
    """Returns whether both systems of each seed have the same items, and all seeds as many."""
    return all(_same_items(*pair) for pair in pairs) and len({len(one) for one, _ in pairs}) == 1


def _same_items(one_NK: Ints, other_NK: Ints) -> bool:
    return one_NK.shape == other_NK.shape and bool((one_NK[:, -1] == other_NK[:, -1]).all())


def _documents(outcomes: Sequence[Mapping[str, Any]], headline: str) -> tuple[list[Ints], _Value | None]:
    """Returns the counts of correct, predicted and gold facts per document, and micro F1 if it is the metric."""

    def micro_f1(counts_N3: Ints) -> float:
        correct, predicted, gold = counts_N3.sum(axis=0).tolist()
        return 2 * correct / (predicted + gold) if correct else 0.0

    return [np.array(each["counts"], dtype=np.int64) for each in outcomes], micro_f1 if headline == "f1" else None


def _sentences(outcomes: Sequence[Mapping[str, Any]], headline: str) -> tuple[list[Ints], _Value | None]:
    """Returns predicted and gold label of each sentence, numbered alike for all systems, and the metric."""
    labels = sorted({label for each in outcomes for label in each["labels"]})
    score, none = _VALUES.get(headline), _none_of(labels)
    items = [np.stack([_numbers(each, key, labels) for key in ("answers", "gold")], axis=1) for each in outcomes]
    if score is None:
        return items, None
    return items, lambda items_N2: score(items_N2[:, 1], items_N2[:, 0], labels, none)


def _named(outcomes: Mapping[str, Any], key: str) -> list[str]:
    return [outcomes["labels"][number] for number in outcomes[key]]


def _numbers(outcomes: Mapping[str, Any], key: str, labels: list[str]) -> Ints:
    place = np.array([labels.index(label) for label in outcomes["labels"]], dtype=np.int64)
    numbers: Ints = place[np.array(outcomes[key], dtype=np.int64)]
    return numbers


def _none_of(labels: list[str]) -> int:
    """Returns the number of the no-relation label, or -1."""
    return next((labels.index(name) for name in ("no_relation", "Other", "NA") if name in labels), -1)


def _accuracy(gold: Ints, answers: Ints, labels: list[str], none: int) -> float:
    return float((gold == answers).mean())


def _micro_f1(gold: Ints, answers: Ints, labels: list[str], none: int) -> float:
    correct = int(((gold == answers) & (gold != none)).sum())
    predicted_and_gold = int((answers != none).sum()) + int((gold != none).sum())
    return 2 * correct / predicted_and_gold if predicted_and_gold else 0.0


def _official_macro_f1(gold: Ints, answers: Ints, labels: list[str], none: int) -> float:
    """SemEval's official score: macro F1 over relations; a prediction with the wrong direction is wrong."""
    bare = [label.partition("(")[0] for label in labels]
    relations = sorted(set(bare) - {"Other"})
    relation_of = np.array([relations.index(name) if name in relations else -1 for name in bare])
    correct = np.bincount(relation_of[gold][(gold == answers) & (relation_of[gold] >= 0)], minlength=len(relations))
    predicted, actual = (
        np.bincount(relation_of[x][relation_of[x] >= 0], minlength=len(relations)) for x in (answers, gold)
    )
    scores = [2 * correct[r] / (predicted[r] + actual[r]) for r in range(len(relations)) if actual[r]]
    return float(np.mean(scores)) if scores else 0.0


_VALUES: Mapping[str, Callable[[Ints, Ints, list[str], int], float]] = {
    "accuracy": _accuracy,
    "f1": _micro_f1,
    "official_macro_f1": _official_macro_f1,
}


def official(outcomes: Mapping[str, Any]) -> float:
    """Computes SemEval's score with ``finecl.metrics``; tests compare it with the fast version of this module."""
    gold, answers = (dict(enumerate(_named(outcomes, key))) for key in ("gold", "answers"))
    labels_by_id = ({str(n): label for n, label in each.items()} for each in (answers, gold))
    return semeval_scores(*labels_by_id).official.macro_f1
