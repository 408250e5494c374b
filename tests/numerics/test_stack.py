"""Tests of the regression that combines scorers by verified labels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from finecl.numerics.stack import stacked


@pytest.mark.parametrize("count", [30, 100, 300])
def test_a_stack_is_no_worse_than_its_best_member_and_learns_the_share_of_each_relation(count: int) -> None:
    gains = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        relation = rng.integers(0, 8, 1500)
        wrong = rng.random(1500) < np.linspace(0.2, 0.9, 8)[relation]
        noise = wrong[:, None] * [1.5, 1.0, 0.1] + rng.normal(0, 1, (1500, 3))
        shares = (noise.argsort(axis=0).argsort(axis=0) + 0.5) / 1500
        probability = stacked(shares, relation, np.arange(count), wrong[:count])
        rest = slice(count, None)
        best = max(float(roc_auc_score(wrong[rest], member[rest])) for member in shares.T)
        gains.append(float(roc_auc_score(wrong[rest], probability[rest])) - best)
        assert 0 < probability.min() < probability.max() < 1
    assert np.mean(gains) > 0.01
    assert min(gains) > -0.03
