"""CPU speed-ups: dropout and heap memory."""

from __future__ import annotations

import contextlib
import ctypes
import sys

import torch
from torch import Tensor, nn

_LEVELS = 2**16


class CPUDropout(nn.Dropout):
    """Fast ``nn.Dropout`` for CPUs; probability and scale are rounded to a multiple of 2^-16."""

    def forward(self, input: Tensor) -> Tensor:
        """Returns the input; in training with elements dropped and the others scaled, so that its mean is kept."""
        dropped = round(self.p * _LEVELS)
        if not self.training or not dropped:
            return input
        if dropped == _LEVELS:
            return input * 0.0
        random = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        is_kept = random.view(torch.int16)[: input.numel()].view(input.shape) >= dropped - _LEVELS // 2
        return input * is_kept.to(input.dtype).mul_(_LEVELS / (_LEVELS - dropped))


def quicken_dropout(model: nn.Module) -> None:
    """Replaces every ``nn.Dropout`` of a model that runs on a CPU by ``CPUDropout``."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, CPUDropout(child.p))


# from glibc's malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_THRESHOLDS = {_M_MMAP_THRESHOLD: 16 * 2**20, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 64 * 2**20}  # bytes


def trim_heap() -> None:
    """Returns unused heap memory to the system; takes some hundredths of a second.

    Without it, a step of many micro-batches with different lengths fragments the heap until it is twice as large.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def tune_malloc() -> bool:
    """Sets glibc's malloc thresholds; returns whether that took effect. Does nothing on other systems than Linux.

    By default glibc requests each tensor of some megabytes from the system again, page by page, which takes a third of
    a step. With these thresholds, blocks below 16 MiB stay in the heap. Larger ones are returned when they are freed;
    otherwise batches of many lengths would fragment the heap. ``finecl benchmark speed`` measures both effects.
    """
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        return all(libc.mallopt(option, value) for option, value in _THRESHOLDS.items())
    return False
