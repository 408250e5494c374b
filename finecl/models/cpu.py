"""CPU speed-ups: dropout and heap memory."""

from __future__ import annotations

import contextlib
import ctypes
import sys

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


# of glibc's malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_CHOSEN = {_M_MMAP_THRESHOLD: 16 * 2**20, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 64 * 2**20}  # bytes


def trim_heap() -> None:
    """Gives the system back what lies free between blocks that are in use; costs some hundredths of a second.

    A step of many passes, each of another length, would leave holes behind until the heap is twice as large.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def tune_malloc() -> bool:
    """Sets glibc's thresholds; True if that took effect. Elsewhere than on Linux this does nothing.

    By default every tensor of some megabytes is asked of the system anew, page by page: a third of a step. Blocks of
    less than 16 MiB stay in the heap here; larger ones go back when they are freed, or packs of many lengths would
    leave a heap of holes behind. ``finecl benchmark speed`` measures both speed and peak memory.
    """
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        return all(libc.mallopt(option, value) for option, value in _CHOSEN.items())
    return False
