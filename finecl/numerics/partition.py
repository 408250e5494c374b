"""Splits work over ranks and micro-batches by length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from finecl.types import Ints


def balance(lengths: Ints, size: int) -> list[Ints]:
    """Distributes items over ranks: the longest first, each to the rank with the least work (Graham, 1969).

    The items of a rank keep their order; a rank may get none.
    """
    owner, load = np.zeros(len(lengths), dtype=np.int64), np.zeros(size)
    for item in np.argsort(-lengths, kind="stable").tolist() if size > 1 else []:
        owner[item] = load.argmin()
        load[owner[item]] += lengths[item]
    return [np.flatnonzero(owner == rank) for rank in range(size)]


def split_contiguous(lengths: Ints, size: int) -> list[Ints]:
    """Splits a sequence of items into one contiguous run per rank, of about equal total length."""
    middle = np.cumsum(lengths) - lengths / 2
    owner = np.minimum((middle * size / max(1, int(lengths.sum()))).astype(np.int64), size - 1)
    return [np.flatnonzero(owner == rank) for rank in range(size)]


def pack_to_budget(lengths: Ints, max_tokens: int) -> list[Ints]:
    """Splits a sequence of items into contiguous runs of at most ``max_tokens`` tokens; an item above it is alone."""
    runs: list[Ints] = []
    begin, total = 0, 0
    for i, length in enumerate(lengths.tolist()):
        if i > begin and total + length > max_tokens:
            runs.append(np.arange(begin, i))
            begin, total = i, 0
        total += length
    return [*runs, np.arange(begin, len(lengths))] if len(lengths) else runs
