"""Settings of the optimizer: a value of 0 means 0, and only None means the default."""

from __future__ import annotations

import pytest
from torch import nn

from finecl.config.schema import ProxySettings
from finecl.models.precision import Precision
from finecl.training.optimizer import Optimization


@pytest.mark.parametrize(("head_learning_rate", "expected"), [(None, 0.5), (0.0, 0.0), (0.25, 0.25)])
def test_only_none_gives_the_head_the_encoder_s_learning_rate(
    head_learning_rate: float | None, expected: float
) -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
    settings = ProxySettings(learning_rate=0.5)
    groups = Optimization(model, settings, 10, head_learning_rate=head_learning_rate).adam.param_groups
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    by_name = {name: rates[id(parameter)] for name, parameter in model.named_parameters()}
    assert {rate for name, rate in by_name.items() if name.startswith("encoder.")} == {0.5}
    assert {rate for name, rate in by_name.items() if name.startswith("head.")} == {expected}


def test_only_none_gives_the_default_number_of_tokens_per_pass() -> None:
    assert Precision(device="cpu").pass_tokens(None) == 6144
    assert Precision(device="cuda").pass_tokens(None) == 32768
    assert Precision(device="cpu").pass_tokens(0) == 0
