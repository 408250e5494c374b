"""Tests of large groups: rejection sampling of negatives is uniform; indexed products have the same gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from finecl_erica.relation_discrimination import RelationDiscrimination
from hypothesis import given, settings
from hypothesis import strategies as st

from finecl import losses
from finecl.losses import products, weighted_info_nce
from finecl.types import NO_RELATION, Bools, Ints, RowColumns
from finecl.types import pairs as negatives
from finecl.types.pairs import draw_negatives
from tests.helpers import tiny


def table_of(rng: np.random.Generator, rows: int, relations: int = 4) -> RowColumns:
    columns = np.stack([rng.integers(0, 6, rows), rng.integers(0, 4, rows), rng.integers(0, 4, rows)], axis=1)
    relation = rng.integers(-1, relations, rows)
    return tiny.table([(*row, int(r)) for row, r in zip(columns.tolist(), relation, strict=True)])


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 40), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_refusal_draws_allowed_candidates_without_replacement_and_as_many_as_there_are(
    seed: int, anchors: int, candidates: int, limit: int
) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((anchors, candidates)) < rng.random()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(negatives, "_MAX_PAIRS", 50)
        negatives_AK = draw_negatives(np.arange(anchors), candidates, limit, lambda a, c: mask[a, c], rng)
    for row, allowed in zip(negatives_AK, mask, strict=True):
        chosen = row[row >= 0]
        assert len(set(chosen.tolist())) == len(chosen) == min(limit, allowed.sum())
        assert allowed[chosen].all()


@pytest.mark.parametrize(("candidates", "limit"), [(12, 3), (12, 4), (60, 3)])
def test_every_allowed_candidate_is_as_likely(candidates: int, limit: int) -> None:
    """Sampled from all candidates (4 of 12), and by rejection."""
    anchors = 4000

    def allowed(anchor: Ints, candidate: Ints) -> Bools:
        return np.broadcast_to(candidate % 3 != 0, np.broadcast_shapes(anchor.shape, candidate.shape))

    negatives_AK = draw_negatives(np.arange(anchors), candidates, limit, allowed, np.random.default_rng(0))
    counts = np.bincount(negatives_AK.ravel(), minlength=candidates)
    assert counts[::3].sum() == 0
    expected = anchors * limit / (candidates * 2 / 3)
    assert np.abs(counts[counts > 0] - expected).max() < 5 * np.sqrt(expected)


def test_drawn_negatives_keep_the_rules_of_all_of_them() -> None:
    table = table_of(np.random.default_rng(1), 60)
    objective = RelationDiscrimination(negatives=5)
    exact = RelationDiscrimination(negatives=None).pairs(table, table, np.random.default_rng(0))
    sampled_pairs = objective.pairs(table, table, np.random.default_rng(0))
    assert sampled_pairs.positive_AP.tolist() == exact.positive_AP.tolist()
    for sampled, permitted in zip(tiny.chosen(sampled_pairs.negative_AK), tiny.chosen(exact.negative_AK), strict=True):
        assert sampled <= permitted
        assert len(sampled) == min(5, len(permitted))
    assert (table.relation == NO_RELATION).any()


def test_picked_products_have_the_values_and_gradients_of_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.normal(size=(n, 5))).requires_grad_() for n in (7, 9))
    columns = [torch.from_numpy(rng.integers(0, 9, (7, k))) for k in (1, 4)]
    results = []
    for dense in (2**22, 0):
        monkeypatch.setattr(losses, "_DENSE_ON_CPU", dense)
        monkeypatch.setattr(losses, "_CHUNK", 3)
        parts = products(x, y, *columns)
        sum(((k + 1) * part.sin()).sum() for k, part in enumerate(parts)).backward()  # type: ignore[union-attr]
        results.append([*parts, x.grad, y.grad])
        x.grad = y.grad = None
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_the_loss_of_a_large_group_is_that_of_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(np.random.default_rng(2), 40)
    pairs = RelationDiscrimination(negatives=6).pairs(table, table, np.random.default_rng(0))
    x = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    results = []
    for dense in (2**22, 0):
        monkeypatch.setattr(losses, "_DENSE_ON_CPU", dense)
        x.requires_grad_().grad = None
        loss = weighted_info_nce(x, x, pairs, table.weight, table.weight, temperature=0.1)
        torch.autograd.backward(loss.total)
        assert x.grad is not None
        results.append((loss.total.detach(), x.grad.clone()))
    torch.testing.assert_close(results[0][0], results[1][0])
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-4, atol=1e-5)
