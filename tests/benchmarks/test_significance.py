"""Comparisons of two systems, and the quick scores that they resample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from finecl_benchmarks.significance import _VALUES, _none_of, compare, official

from finecl.metrics import sentence_scores, tacred_scores

SEMEVAL = ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Message-Topic(e1,e2)", "Other"]


def outcomes(labels: list[str], right: float, seed: int, count: int = 300) -> dict[str, Any]:
    """A system that gives the right answer to so many sentences; the gold is the same for all seeds."""
    gold = np.random.default_rng(0).integers(0, len(labels), count)
    rng = np.random.default_rng(seed)
    answers = np.where(rng.random(count) < right, gold, rng.integers(0, len(labels), count))
    return {"labels": labels, "gold": gold.tolist(), "answers": answers.tolist()}


def value(headline: str, given: dict[str, Any]) -> float:
    gold, answers = np.array(given["gold"]), np.array(given["answers"])
    return _VALUES[headline](gold, answers, given["labels"], _none_of(given["labels"]))


@pytest.mark.parametrize("seed", range(5))
def test_the_quick_scores_are_those_of_the_metrics(seed: int) -> None:
    given = outcomes(SEMEVAL, 0.6, seed)
    assert value("official_macro_f1", given) == pytest.approx(official(given))
    labels = ["no_relation", "a", "b", "c"]
    given = outcomes(labels, 0.6, seed)
    gold, answers = ([labels[n] for n in given[key]] for key in ("gold", "answers"))
    assert value("f1", given) == pytest.approx(tacred_scores(answers, gold).f1)
    assert value("accuracy", given) == pytest.approx(sentence_scores(answers, gold).accuracy)


def test_a_clear_difference_is_significant_and_none_is_not() -> None:
    good, bad, like = (outcomes(SEMEVAL, right, seed) for right, seed in ((0.9, 1), (0.5, 2), (0.9, 3)))
    found = compare([good], [bad], "accuracy")
    assert found is not None
    assert found.difference == pytest.approx(value("accuracy", good) - value("accuracy", bad))
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.01
    same = compare([good], [like], "accuracy")
    assert same is not None
    assert same.low < 0 < same.high
    assert same.p > 0.05
    itself = compare([good], [good], "official_macro_f1")
    assert itself is not None
    assert (itself.difference, itself.p) == (0.0, 1.0)


def counts(better: int, seed: int, documents: int = 150) -> dict[str, Any]:
    """Documents of 20 facts; a system finds 8 of them and ``better`` more, more or less, with 15 predictions."""
    correct = np.random.default_rng(seed).integers(6, 11, documents) + better
    return {"counts": [[int(c), 15, 20] for c in correct]}


def test_documents_are_compared_by_their_counts() -> None:
    good, bad, like = counts(2, 1), counts(0, 2), counts(2, 3)
    found = compare([good], [bad], "f1")
    assert found is not None
    f1 = [2 * sum(c for c, _, _ in each["counts"]) / (150 * 35) for each in (good, bad)]
    assert found.difference == pytest.approx(f1[0] - f1[1])
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.01
    same = compare([good], [like], "f1")
    assert same is not None
    assert same.low < 0 < same.high
    assert same.p > 0.05
    nothing = {"counts": [[0, 0, 20]] * 150}
    found = compare([good], [nothing], "f1")
    assert found is not None
    assert found.difference == pytest.approx(f1[0])
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
        [outcomes(SEMEVAL, right, seed) for seed in seeds] for right, seeds in ((0.8, (1, 2)), (0.7, (3, 4)))
    )
    found = compare(better, worse, "accuracy")
    assert found is not None
    expected = sum(value("accuracy", a) - value("accuracy", b) for a, b in zip(better, worse, strict=True)) / 2
    assert found.difference == pytest.approx(expected)
    assert found.low < found.difference < found.high


def test_the_interval_knows_that_seeds_differ() -> None:
    one = [outcomes(SEMEVAL, right, 1) for right in (0.9, 0.4)]
    other = [outcomes(SEMEVAL, 0.5, 2)] * 2  # better than that at one seed, worse at the other
    found = compare(one, other, "accuracy")
    assert found is not None
    assert found.difference > 0.05
    assert found.low < 0 < found.high
