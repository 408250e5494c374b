"""Tests of the losses: values and gradients equal plain loops written from the equations, and are never NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_metric_learning.losses import NTXentLoss

from finecl.losses import label_binary_cross_entropy, label_cross_entropy, weighted_info_nce
from finecl.types import Pairs
from tests.helpers import oracles, tiny

# facts.md, 1.7: anchor A, its positive B, two negatives and a pair without a relation.
A, B = (1.0, 0.2, 0.0), (0.9, 0.3, 0.1)
NEGATIVES = ((0.2, 1.0, 0.0), (0.5, 0.5, 0.7), (0.95, 0.1, 0.3))


def vector_loss(anchor_weight: float, negative_weights: list[float]) -> float:
    pairs = Pairs.contrastive(np.array([[0]]), np.array([[1, 2, 3]]))
    weight_A = np.array([anchor_weight], dtype=np.float32)
    weight_C = np.array([1.0, *negative_weights], dtype=np.float32)
    x, y = torch.tensor([A]), torch.tensor([B, *NEGATIVES])
    return weighted_info_nce(x, y, pairs, weight_A, weight_C, temperature=0.05).total.item()


def test_the_test_vectors_of_the_facts() -> None:
    def f(k: float) -> float:
        return math.exp((14 - k) / 14)

    assert vector_loss(1.0, [1.0, 1.0, 1.0]) == pytest.approx(0.391415, abs=1e-5)
    assert vector_loss(f(0), [f(2), f(14), math.exp(0.5)]) == pytest.approx(1.582051, abs=1e-5)


def test_the_weight_of_the_positive_is_not_in_the_sum() -> None:
    pairs = Pairs.contrastive(np.array([[0]]), np.array([[1, 2, 3]]))
    one, heavy = (np.array([w, 1, 1, 1], dtype=np.float32) for w in (1, 9))
    x, y = torch.tensor([A]), torch.tensor([B, *NEGATIVES])
    totals = [weighted_info_nce(x, y, pairs, one[:1], w, temperature=0.05).total.item() for w in (one, heavy)]
    assert totals[0] == totals[1]


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """Random representations, masks and weights; anchors without positives or negatives among them."""
    anchors, candidates, width = draw(st.integers(1, 5)), draw(st.integers(1, 7)), draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = rng.integers(0, 3, (anchors, candidates))
    if draw(st.booleans()):
        kind[0] = rng.integers(0, 2, candidates)  # no negatives
    if draw(st.booleans()):
        kind[-1] = 2 * rng.integers(0, 2, candidates)  # no positives
    zero = rng.random(candidates) < draw(st.sampled_from([0.0, 0.4, 1.0]))
    return {
        "x": rng.normal(size=(anchors, width)).astype(np.float32),
        "y": rng.normal(size=(candidates, width)).astype(np.float32),
        "positive": kind == 1,
        "negative": kind == 2,
        "weight_A": rng.uniform(0, 3, anchors).astype(np.float32),
        "weight_C": np.where(zero, 0, rng.uniform(0.1, 3, candidates)).astype(np.float32),
        "temperature": draw(st.sampled_from([0.05, 0.5, 1.0])),
    }


@given(problems(), st.booleans())
def test_weighted_info_nce_equals_the_double_loop_in_value_and_gradient(
    problem: dict[str, Any], weigh_positives: bool
) -> None:
    pairs = Pairs.from_masks(problem["positive"], problem["negative"], None, np.random.default_rng(0))
    mine, plain = ([torch.tensor(problem[k], requires_grad=True) for k in "xy"] for _ in range(2))
    weights = problem["weight_A"], problem["weight_C"]
    options = {"temperature": problem["temperature"], "weigh_positives": weigh_positives}
    loss = weighted_info_nce(mine[0], mine[1], pairs, *weights, **options)
    torch.autograd.backward(loss.total)
    positives, negatives = ([np.flatnonzero(row).tolist() for row in problem[k]] for k in ("positive", "negative"))
    lists = [weight.tolist() for weight in weights]
    total, terms = oracles.weighted_info_nce(plain[0], plain[1], positives, negatives, *lists, **options)
    torch.autograd.backward(total)
    assert loss.terms == pairs.terms == terms
    assert loss.total.item() == pytest.approx(total.item(), rel=1e-4, abs=1e-5)
    for tensor, expected in zip(mine, plain, strict=True):
        assert tensor.grad is not None
        assert expected.grad is not None
        torch.testing.assert_close(tensor.grad, expected.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_with_all_weights_one_it_is_nt_xent(seed: int) -> None:
    """Each anchor has one positive: rows of one class are paired, as by pytorch-metric-learning's masks."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(4), 2)
    x = torch.tensor(rng.normal(size=(8, 5)).astype(np.float32))
    same = classes[:, None] == classes[None, :]
    pairs = Pairs.from_masks(same & ~np.eye(8, dtype=bool), ~same, None, rng)
    ones = np.ones(8, dtype=np.float32)
    loss = weighted_info_nce(x, x, pairs, ones, ones, temperature=0.1)
    expected = NTXentLoss(temperature=0.1)(x, torch.tensor(classes))
    assert (loss.total / loss.terms).item() == pytest.approx(expected.item(), rel=1e-5)


def test_anchors_without_positives_or_negatives_give_no_term_and_no_nan() -> None:
    pairs = Pairs.contrastive(np.array([[-1], [0], [-1]]), np.array([[1], [-1], [-1]]))
    x, y = (torch.randn(n, 4, requires_grad=True) for n in (3, 2))
    loss = weighted_info_nce(x, y, pairs, np.ones(3, np.float32), np.ones(2, np.float32), temperature=0.05)
    torch.autograd.backward(loss.total)
    assert (loss.total.item(), loss.terms) == (0.0, 0)
    assert x.grad is not None
    assert y.grad is not None
    assert not x.grad.any()
    assert not y.grad.any()


def test_negatives_of_weight_zero_are_as_if_they_were_not_there() -> None:
    x, y = torch.randn(1, 4, requires_grad=True), torch.randn(4, 4, requires_grad=True)
    one = np.ones(1, dtype=np.float32)
    dropped = np.array([1, 1, 0, 0], dtype=np.float32)
    both, fewer = (Pairs.contrastive(np.array([[0]]), np.array([k])) for k in ([1, 2, 3], [1]))
    totals = [weighted_info_nce(x, y, p, one, dropped, temperature=0.05).total for p in (both, fewer)]
    assert totals[0].item() == pytest.approx(totals[1].item(), rel=1e-6)
    none_left = np.array([1, 0, 0, 0], dtype=np.float32)
    alone = weighted_info_nce(x, y, both, one, none_left, temperature=0.05)
    torch.autograd.backward(alone.total)
    assert alone.total.item() == 0.0
    assert y.grad is not None
    assert not y.grad.any()


def test_opposite_and_equal_vectors_stay_finite_at_a_low_temperature() -> None:
    x, y = torch.tensor([[1.0, 0.0]], requires_grad=True), torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    ones = np.ones(2, dtype=np.float32)
    pairs = Pairs.contrastive(np.array([[0]]), np.array([[1]]))
    loss = weighted_info_nce(x, y, pairs, ones[:1], ones, temperature=0.005)
    torch.autograd.backward(loss.total)
    assert loss.total.item() == pytest.approx(400.0)
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_it_is_computed_in_float32_outside_autocast() -> None:
    x, y = torch.randn(3, 8), torch.randn(5, 8)
    pairs = Pairs.from_masks(np.eye(3, 5, dtype=bool), ~np.eye(3, 5, dtype=bool), None, np.random.default_rng(0))
    ones = np.ones(5, dtype=np.float32)
    plain = weighted_info_nce(x, y, pairs, ones[:3], ones, temperature=0.05).total
    with torch.autocast("cpu", torch.bfloat16):
        cast = weighted_info_nce(x, y, pairs, ones[:3], ones, temperature=0.05).total
    assert cast.dtype == torch.float32
    assert cast.item() == plain.item()


LABELS = st.lists(st.booleans(), min_size=4, max_size=4).filter(lambda row: any(row) and not all(row))
LOGITS = st.lists(st.floats(-8, 8), min_size=4, max_size=4)


@given(st.lists(st.tuples(LOGITS, LABELS), min_size=1, max_size=5))
def test_label_losses_equal_their_loops(rows: list[tuple[list[float], list[bool]]]) -> None:
    logits, labels = torch.tensor([row[0] for row in rows]), torch.tensor([row[1] for row in rows]).float()
    competing, separate = label_cross_entropy(logits, labels), label_binary_cross_entropy(logits, labels)
    assert competing.terms == separate.terms == len(rows)
    assert competing.total.item() == pytest.approx(sum(oracles.cross_entropy(*row) for row in rows), rel=1e-4, abs=1e-5)
    assert separate.total.item() == pytest.approx(
        sum(oracles.binary_cross_entropy(*row) for row in rows), rel=1e-4, abs=1e-5
    )


def test_cross_entropy_of_one_label_is_torchs() -> None:
    logits, label_P = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    loss = label_cross_entropy(logits, torch.nn.functional.one_hot(label_P, 4).float())
    expected = torch.nn.functional.cross_entropy(logits, label_P, reduction="sum")
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-5)


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_pairs_keep_at_most_the_limit_of_negatives_and_only_true_cells(seed: int, limit: int) -> None:
    rng = np.random.default_rng(seed)
    positive, negative = rng.random((4, 9)) < 0.3, rng.random((4, 9)) < 0.5
    pairs = Pairs.from_masks(positive, negative, limit, rng)
    for a in range(4):
        negatives = pairs.negative_AK[a][pairs.negative_AK[a] >= 0].tolist()
        assert len(negatives) == len(set(negatives)) == min(limit, int(negative[a].sum()))
        assert set(negatives) <= set(np.flatnonzero(negative[a]).tolist())
    assert tiny.chosen(pairs.positive_AP) == [set(np.flatnonzero(row).tolist()) for row in positive]
