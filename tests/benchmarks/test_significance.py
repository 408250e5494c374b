"""Tests of comparisons between two systems, and of the fast metrics that they resample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from finecl_benchmarks.significance import _VALUES, _none_of, compare, official

from finecl.metrics import sentence_scores, tacred_scores

SEMEVAL = ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Message-Topic(e1,e2)", "Other"]


def outcomes(labels: list[str], accuracy: float, seed: int, count: int = 300) -> dict[str, Any]:
    """Simulates a system that answers this share of sentences correctly; gold labels are the same for all seeds."""
    gold = np.random.default_rng(0).integers(0, len(labels), count)
    rng = np.random.default_rng(seed)
    answers = np.where(rng.random(count) < accuracy, gold, rng.integers(0, len(labels), count))
    return {"labels": labels, "gold": gold.tolist(), "answers": answers.tolist()}


def value(headline: str, outcome: dict[str, Any]) -> float:
    gold, answers = np.array(outcome["gold"]), np.array(outcome["answers"])
    return _VALUES[headline](gold, answers, outcome["labels"], _none_of(outcome["labels"]))


@pytest.mark.parametrize("seed", range(5))
def test_the_fast_metrics_equal_the_official_ones(seed: int) -> None:
    outcome = outcomes(SEMEVAL, 0.6, seed)
    assert value("official_macro_f1", outcome) == pytest.approx(official(outcome))
    labels = ["no_relation", "a", "b", "c"]
    outcome = outcomes(labels, 0.6, seed)
    gold, answers = ([labels[n] for n in outcome[key]] for key in ("gold", "answers"))
    assert value("f1", outcome) == pytest.approx(tacred_scores(answers, gold).f1)
    assert value("accuracy", outcome) == pytest.approx(sentence_scores(answers, gold).accuracy)


def test_a_clear_difference_is_significant_and_none_is_not() -> None:
    good, bad, like = (outcomes(SEMEVAL, accuracy, seed) for accuracy, seed in ((0.9, 1), (0.5, 2), (0.9, 3)))
    comparison = compare([good], [bad], "accuracy")
    assert comparison is not None
    assert comparison.difference == pytest.approx(value("accuracy", good) - value("accuracy", bad))
    assert 0 < comparison.low < comparison.difference < comparison.high
    assert comparison.p < 0.01
    same = compare([good], [like], "accuracy")
    assert same is not None
    assert same.low < 0 < same.high
    assert same.p > 0.05
    itself = compare([good], [good], "official_macro_f1")
    assert itself is not None
    assert (itself.difference, itself.p) == (0.0, 1.0)


def counts(better: int, seed: int, documents: int = 150) -> dict[str, Any]:
    """Simulates 15 predictions per document of 20 facts, of which about 8 + ``better`` are correct."""
    correct = np.random.default_rng(seed).integers(6, 11, documents) + better
    return {"counts": [[int(c), 15, 20] for c in correct]}


def test_documents_are_compared_by_their_counts() -> None:
    good, bad, like = counts(2, 1), counts(0, 2), counts(2, 3)
    comparison = compare([good], [bad], "f1")
    assert comparison is not None
    f1 = [2 * sum(c for c, _, _ in each["counts"]) / (150 * 35) for each in (good, bad)]
    assert comparison.difference == pytest.approx(f1[0] - f1[1])
    assert 0 < comparison.low < comparison.difference < comparison.high
    assert comparison.p < 0.01
    same = compare([good], [like], "f1")
    assert same is not None
    assert same.low < 0 < same.high
    assert same.p > 0.05
    nothing = {"counts": [[0, 0, 20]] * 150}
    comparison = compare([good], [nothing], "f1")
    assert comparison is not None
    assert comparison.difference == pytest.approx(f1[0])
    assert compare([good], [counts(0, 1, documents=10)], "f1") is None
    assert compare([good], [good], "ign_f1") is None
    assert compare([good], [outcomes(SEMEVAL, 0.9, 1)], "f1") is None


def test_systems_of_other_sentences_or_metrics_are_not_compared() -> None:
    one, other = outcomes(SEMEVAL, 0.9, 1), outcomes(SEMEVAL, 0.9, 1, count=200)
    assert compare([one], [other], "accuracy") is None
    assert compare([one], [one], "luck") is None
    assert compare([{}], [{}], "accuracy") is None
    assert compare([], [], "accuracy") is None
    assert compare([one, one], [one], "accuracy") is None
    assert compare([one, one], [one, other], "accuracy") is None


def test_several_seeds_are_compared_by_their_means() -> None:
    better, worse = (
        [outcomes(SEMEVAL, accuracy, seed) for seed in seeds] for accuracy, seeds in ((0.8, (1, 2)), (0.7, (3, 4)))
    )
    comparison = compare(better, worse, "accuracy")
    assert comparison is not None
    expected = sum(value("accuracy", a) - value("accuracy", b) for a, b in zip(better, worse, strict=True)) / 2
    assert comparison.difference == pytest.approx(expected)
    assert comparison.low < comparison.difference < comparison.high


def test_the_interval_includes_the_variance_over_seeds() -> None:
    one = [outcomes(SEMEVAL, accuracy, 1) for accuracy in (0.9, 0.4)]
    other = [outcomes(SEMEVAL, 0.5, 2)] * 2  # ``one`` is better at one seed, worse at the other
    comparison = compare(one, other, "accuracy")
    assert comparison is not None
    assert comparison.difference > 0.05
    assert comparison.low < 0 < comparison.high


def test_each_seed_may_have_its_own_documents() -> None:
    def of_seed(better: int, seed: int) -> dict[str, Any]:
        found = counts(better, seed)["counts"]
        return {"counts": [[c, p, 20 + seed + n % 2] for n, (c, p, _) in enumerate(found)]}

    good, bad = ([of_seed(better, seed) for seed in (1, 2, 3)] for better in (2, 0))
    comparison = compare(good, bad, "f1")
    assert comparison is not None
    assert 0 < comparison.low < comparison.difference < comparison.high
    assert comparison.p < 0.01
    assert compare(good, [bad[1], bad[0], bad[2]], "f1") is None, "the systems have other documents"
