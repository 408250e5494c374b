"""Dropout with 16 random bits per element has the statistics of dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from finecl.models.cpu import CPUDropout, quicken_dropout
from tests.conftest import LoadTiny


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_dropped_fraction_and_scale_match_the_probability(p: float, kind: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(1001, 399, dtype=kind)
    y = CPUDropout(p)(x)
    assert y.dtype == kind
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.005)
    assert y[y != 0].unique().tolist() == pytest.approx([1 / (1 - p)], rel=1e-2)
    # No column or row of 16-bit lanes is dropped more often.
    assert (y == 0).float().mean(dim=0).std() < 2 * (p * (1 - p) / 1001) ** 0.5
    assert (y.flatten()[: 399 * 1000].view(-1, 4) == 0).float().mean(dim=0).tolist() == pytest.approx([p] * 4, abs=0.01)


def test_gradients_flow_through_kept_elements() -> None:
    x = torch.randn(50, 7, requires_grad=True)
    y = CPUDropout(0.3)(x)
    torch.autograd.backward(y.sum())
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.where(y == 0, 0.0, 1 / 0.7), rtol=1e-4, atol=0)


def test_the_seed_determines_dropout_and_evaluation_drops_nothing() -> None:
    layer, x = CPUDropout(0.4), torch.ones(333)
    outputs = []
    for _ in range(2):
        torch.manual_seed(3)
        outputs.append(layer(x))
    assert torch.equal(*outputs)
    assert not torch.equal(layer(x), outputs[0])
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(CPUDropout(0.0)(x), x)
    assert CPUDropout(1.0)(x).abs().sum() == 0


def test_every_dropout_of_an_encoder_on_a_cpu_is_replaced(load_tiny: LoadTiny) -> None:
    encoder, _ = load_tiny("bert", hidden_dropout=0.25)
    dropouts = [m for m in encoder.modules() if isinstance(m, nn.Dropout)]
    assert dropouts
    assert all(isinstance(m, CPUDropout) for m in dropouts)
    assert {m.p for m in dropouts} >= {0.25}
    plain = nn.Sequential(nn.Dropout(0.2), nn.Sequential(nn.Dropout(0.3)))
    quicken_dropout(plain)
    assert [m.p for m in plain.modules() if isinstance(m, CPUDropout)] == [0.2, 0.3]
