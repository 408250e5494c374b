"""MTB's positives are sentences of one entity pair; its negatives are sentences that share one entity."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Literal

import numpy as np
import pytest
import torch
from finecl_mtb.matching import Matching
from hypothesis import given
from hypothesis import strategies as st

from finecl.types import Pairs, RowColumns
from tests.helpers import tiny

Key = tuple[int, int]


def table_of(keys: list[Key], weight: list[float] | None = None) -> RowColumns:
    return tiny.table([(d, 0, 1, d % 2) for d in range(len(keys))], weight, keys)


def as_pairs(pairs: Pairs) -> tuple[list[Key], list[Key]]:
    """Returns the (anchor, candidate) pairs of rows that match, and those that do not."""
    both = (pairs.positive_AP, pairs.negative_AK)
    same, other = ([(a, int(c)) for a, row in enumerate(rows) for c in row if c >= 0] for rows in both)
    return same, other


keys = st.lists(st.tuples(st.integers(1, 3), st.integers(11, 13)), min_size=1, max_size=14)


@given(keys, st.integers(0, 99))
def test_all_sentences_of_an_entity_pair_match_once(sampled_keys: list[Key], seed: int) -> None:
    table = table_of(sampled_keys)
    same, other = as_pairs(Matching().pairs(table, table, np.random.default_rng(seed)))
    assert sorted(same) == [
        (a, b) for a, b in combinations(range(len(sampled_keys)), 2) if sampled_keys[a] == sampled_keys[b]
    ]
    assert len(other) == len(set(other)) <= len(same)
    for a, b in other:
        assert a < b
        assert (sampled_keys[a][0] == sampled_keys[b][0]) != (sampled_keys[a][1] == sampled_keys[b][1])


@given(keys, st.integers(0, 99))
def test_uniform_negatives_are_any_two_of_different_pairs(sampled_keys: list[Key], seed: int) -> None:
    table = table_of(sampled_keys)
    pairs = Matching(negatives="uniform", ratio=2.0).pairs(table, table, np.random.default_rng(seed))
    same, other = as_pairs(pairs)
    assert len(other) == len(set(other)) <= 2 * len(same)
    assert all(a < b and sampled_keys[a] != sampled_keys[b] for a, b in other)


def test_hard_negatives_are_found_where_there_are_any() -> None:
    sampled_keys = [(1, 11), (1, 11), (1, 12), (2, 11), (3, 13)]
    drawn = set()
    for seed in range(40):
        table = table_of(sampled_keys)
        _, other = as_pairs(Matching(ratio=1.0).pairs(table, table, np.random.default_rng(seed)))
        assert len(other) == 1
        drawn |= set(other)
    assert drawn == {(0, 2), (1, 2), (0, 3), (1, 3)}


def test_entities_that_are_not_known_match_nothing() -> None:
    table = table_of([(0, 0)] * 4)
    pairs = Matching().pairs(table, table, np.random.default_rng(0))
    assert pairs.terms == 0
    loss = Matching().loss(torch.ones(4, 3), torch.ones(4, 3), pairs, table, table)
    assert (float(loss.total), loss.terms) == (0.0, 0)


@given(keys, st.integers(0, 99), st.sampled_from(["hard", "uniform"]))
def test_the_loss_is_the_sum_of_a_double_loop(
    sampled_keys: list[Key], seed: int, kind: Literal["hard", "uniform"]
) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.2, 2, len(sampled_keys))
    table = table_of(sampled_keys, weight.tolist())
    objective = Matching(negatives=kind)
    pairs = objective.pairs(table, table, rng)
    x = rng.normal(size=(len(sampled_keys), 5))
    same, other = as_pairs(pairs)
    total = 0.0
    for matching, both in ((True, same), (False, other)):
        for a, b in both:
            probability = 1 / (1 + math.exp(-float(x[a] @ x[b])))
            total -= table.weight[a] * math.log(probability if matching else 1 - probability)
    loss = objective.loss(torch.from_numpy(x).float(), torch.from_numpy(x).float(), pairs, table, table)
    assert loss.terms == len(same) + len(other)
    assert loss.total.item() == pytest.approx(total, rel=1e-4, abs=1e-5)
