"""The weighted loss as a module: in-batch negatives, hard negatives, and weights."""

from __future__ import annotations

import doctest
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from finecl.integrations import sentence_transformers
from finecl.integrations.sentence_transformers import WeightedInfoNCE

RNG = torch.Generator().manual_seed(0)


def features(*shapes: tuple[int, int]) -> list[dict[str, torch.Tensor]]:
    return [{"sentence_embedding": torch.randn(shape, generator=RNG)} for shape in shapes]


@pytest.mark.parametrize("columns", [2, 3])
def test_with_weights_of_one_it_equals_the_multiple_negatives_ranking_loss(columns: int) -> None:
    embeddings = features(*[(5, 8)] * columns)
    unit = [F.normalize(f["sentence_embedding"], dim=1) for f in embeddings]
    scores = unit[0] @ torch.cat(unit[1:]).T / 0.05
    expected = F.cross_entropy(scores, torch.arange(5))
    loss = WeightedInfoNCE(nn.Identity())
    assert loss(embeddings, torch.ones(5)).item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss(embeddings).item() == pytest.approx(expected.item(), rel=1e-5)


def test_weights_apply_to_the_row_and_to_its_positive_as_a_negative() -> None:
    embeddings = features((3, 6), (3, 6))
    weight = [1.0, 0.5, 2.0]
    x, y = (F.normalize(f["sentence_embedding"], dim=1).tolist() for f in embeddings)
    total = 0.0
    for a in range(3):
        logits = [sum(p * q for p, q in zip(x[a], y[c], strict=True)) / 0.1 for c in range(3)]
        far = sum(weight[c] * math.exp(logits[c]) for c in range(3) if c != a)
        total -= weight[a] * math.log(math.exp(logits[a]) / (math.exp(logits[a]) + far))
    loss = WeightedInfoNCE(nn.Identity(), temperature=0.1)(embeddings, torch.tensor(weight))
    assert loss.item() == pytest.approx(total / 3, rel=1e-4)


def test_the_example_in_the_docstring_is_correct() -> None:
    assert doctest.testmod(sentence_transformers).failed == 0
