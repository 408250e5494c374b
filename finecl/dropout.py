"""Dropout that draws 16 bits an element where torch draws a Bernoulli variable: on CPUs those are a tenth of a step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LEVELS = 2**16


class CPUDropout(nn.Dropout):
    """``nn.Dropout`` on a CPU: the probability is rounded to a multiple of 2^-16, and the scale follows it exactly."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with elements dropped in training; its mean is kept."""
        dropped = round(self.p * _LEVELS)
        if not self.training or not dropped:
            return input
        if dropped == _LEVELS:
            return input * 0.0
        drawn = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = drawn.view(torch.int16)[: input.numel()].view(input.shape) >= dropped - _LEVELS // 2
        return input * kept.to(input.dtype).mul_(_LEVELS / (_LEVELS - dropped))


def quicken_dropout(model: nn.Module) -> None:
    """Puts ``CPUDropout`` in the place of every ``nn.Dropout`` of a model that computes on a CPU."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, CPUDropout(child.p))
