"""Bootstrap intervals of micro F1."""

from __future__ import annotations

import numpy as np

from finecl.metrics import bootstrap_f1


def test_the_interval_equals_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    gold, predicted = rng.integers(1, 6, 40), rng.integers(0, 6, 40)
    counts = np.stack([np.minimum(gold, predicted) * (rng.random(40) < 0.7), predicted, gold], axis=1).astype(np.int64)
    values = []
    for _ in range(4000):
        correct, guessed, actual = counts[rng.integers(0, 40, 40)].sum(axis=0)
        values.append(2 * correct / (guessed + actual))
    np.testing.assert_allclose(bootstrap_f1(counts), np.quantile(values, [0.025, 0.975]), atol=0.02)


def test_the_difference_is_paired() -> None:
    rng = np.random.default_rng(0)
    one = np.stack([rng.integers(0, 3, 50), np.full(50, 3), np.full(50, 4)], axis=1).astype(np.int64)
    assert bootstrap_f1(one, one) == (0.0, 0.0)
    better = one + np.array([1, 0, 0])  # one fact more of 3 + 4 in every document
    np.testing.assert_allclose(bootstrap_f1(better, one), 2 / 7)


def test_no_documents_have_an_empty_interval() -> None:
    assert bootstrap_f1(np.zeros((0, 3), dtype=np.int64)) == (0.0, 0.0)
