"""How glibc's malloc keeps the blocks of a training step: fast to have again, and not for ever."""

from __future__ import annotations

import contextlib
import ctypes
import sys

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
