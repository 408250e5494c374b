"""CP's positives are all rows of a relation, and its loss equals the NT-Xent of its release."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from finecl_cp.relation_contrast import RelationContrast
from hypothesis import assume, given
from hypothesis import strategies as st
from pytorch_metric_learning.losses import NTXentLoss

from finecl.types import NO_RELATION
from tests.helpers import oracles, tiny
from tests.helpers.oracles import Row


@st.composite
def sentences(draw: st.DrawFn) -> list[Row]:
    """Marked sentences with one entity pair each, which has no, one or two labels."""
    kinds = draw(st.lists(st.sets(st.integers(0, 3), max_size=2), min_size=1, max_size=12))
    return [(d, 0, 1, relation) for d, kind in enumerate(kinds) for relation in (sorted(kind) or [NO_RELATION])]


def positives(rows: list[Row], anchor: int) -> set[int]:
    query = rows[anchor]
    same = {c for c, row in enumerate(rows) if row[3] == query[3] and row[:3] != query[:3]}
    return same if query[3] != NO_RELATION else set()


def negatives(rows: list[Row], anchor: int) -> set[int]:
    query = rows[anchor]
    return {c for c, row in enumerate(rows) if row[3] != query[3] and row[:3] != query[:3]}


@given(sentences())
def test_pairs_are_those_of_a_double_loop(rows: list[Row]) -> None:
    table = tiny.table(rows)
    pairs = RelationContrast().pairs(table, table, np.random.default_rng(0))
    for anchor in range(len(rows)):
        assert tiny.chosen(pairs.positive_AP)[anchor] == positives(rows, anchor)
        if positives(rows, anchor):
            assert tiny.chosen(pairs.negative_AK)[anchor] == negatives(rows, anchor)


@given(sentences(), st.integers(0, 99))
def test_the_loss_is_the_sum_of_a_double_loop(rows: list[Row], seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = tiny.table(rows, rng.uniform(0.2, 2, len(rows)).tolist())
    x = torch.from_numpy(rng.normal(size=(len(rows), 6))).float()
    objective = RelationContrast(temperature=0.2)
    pairs = objective.pairs(table, table, rng)
    same = [sorted(positives(rows, a)) for a in range(len(rows))]
    others = [sorted(negatives(rows, a)) for a in range(len(rows))]
    weights = table.weight.tolist()
    total, terms = oracles.weighted_info_nce(x, x, same, others, weights, weights, 0.2)
    loss = objective.loss(x, x, pairs, table, table)
    assert loss.terms == terms
    assert loss.total.item() == pytest.approx(total.item(), abs=1e-4, rel=1e-5)
    unweighted = RelationContrast(temperature=0.2, weight_negatives=False).loss(x, x, pairs, table, table)
    total, _ = oracles.weighted_info_nce(x, x, same, others, weights, [1.0] * len(rows), 0.2)
    assert unweighted.total.item() == pytest.approx(total.item(), abs=1e-4, rel=1e-5)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=16), st.integers(0, 99))
def test_with_all_weights_one_it_is_the_nt_xent_of_the_release(relations: list[int], seed: int) -> None:
    counts = [relations.count(r) for r in set(relations)]
    assume(len(counts) > 1 and max(counts) > 1)
    table = tiny.table([(d, 0, 1, r) for d, r in enumerate(relations)])
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(len(relations), 8))).double()
    pairs = RelationContrast().pairs(table, table, np.random.default_rng(0))
    ours = RelationContrast().loss(x.float(), x.float(), pairs, table, table)
    theirs = NTXentLoss(temperature=0.05)(x, torch.tensor(relations))
    assert ours.total.item() / ours.terms == pytest.approx(theirs.item(), rel=1e-5, abs=1e-6)


def test_negatives_may_be_limited() -> None:
    table = tiny.table([(d, 0, 1, d % 3) for d in range(30)])
    pairs = RelationContrast(negatives=4).pairs(table, table, np.random.default_rng(0))
    assert all(len(chosen) == 4 for chosen in tiny.chosen(pairs.negative_AK))
