"""Ranks of numbers, and what stands among the highest of them where some are equal."""

from __future__ import annotations

import numpy as np

from finecl.types import Bools, Floats, Ints


def dense_ranks(noise: Floats) -> Ints:
    """The place of each number among the distinct numbers, from 0 ``[N]``: finite, in order, equal where they are."""
    return np.unique(noise, return_inverse=True)[1].ravel().astype(np.int64)


def share_of_highest(ranks: Ints, true: Bools, count: int) -> float:
    """Share of true ones among the ``count`` of highest rank; expected, where equal ranks leave the choice open.

    *Shape:* ``ranks``, ``true`` [N], N >= ``count`` >= 1.
    """
    border = np.partition(ranks, -count)[-count]
    above, tied = ranks > border, ranks == border
    expected = true[above].sum() + (count - above.sum()) * true[tied].mean()
    return float(expected / count)
