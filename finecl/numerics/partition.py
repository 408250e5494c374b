"""Splits work over ranks and micro-batches by length."""

from __future__ import annotations

import numpy as np

from finecl.types import Ints


def balance(lengths: Ints, size: int) -> list[Ints]:
    """Spreads pieces of work over ranks: the longest first, each to the rank that has least (Graham, 1969).

    The pieces of a rank stay in their order; a rank may be left without any.
    """
    owner, load = np.zeros(len(lengths), dtype=np.int64), np.zeros(size)
    for piece in np.argsort(-lengths, kind="stable").tolist() if size > 1 else []:
        owner[piece] = load.argmin()
        load[owner[piece]] += lengths[piece]
    return [np.flatnonzero(owner == rank) for rank in range(size)]


def split_contiguous(lengths: Ints, size: int) -> list[Ints]:
    """Cuts a sequence of pieces into one run of neighbours a rank, of about equal length."""
    middle = np.cumsum(lengths) - lengths / 2
    owner = np.minimum((middle * size / max(1, int(lengths.sum()))).astype(np.int64), size - 1)
    return [np.flatnonzero(owner == rank) for rank in range(size)]


def pack_to_budget(lengths: Ints, max_tokens: int) -> list[Ints]:
    """Cuts a sequence of parts into runs of at most ``max_tokens`` tokens, each at least one part long."""
    runs: list[Ints] = []
    begin, total = 0, 0
    for i, length in enumerate(lengths.tolist()):
        if i > begin and total + length > max_tokens:
            runs.append(np.arange(begin, i))
            begin, total = i, 0
        total += length
    return [*runs, np.arange(begin, len(lengths))] if len(lengths) else runs
