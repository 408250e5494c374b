"""Drawing an anchor's negatives among many candidates, without ever holding all pairs of anchors and candidates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from finecl.types import Bools, Generator, Ints

Allowed: TypeAlias = "Callable[[Ints, Ints], Bools]"
"""Whether candidates may be negatives of anchors: row numbers of both, as arrays that broadcast."""

_SMALL = 2**21  # cells up to which all pairs are looked at


def draw_negatives(anchors: int, candidates: int, limit: int | None, allowed: Allowed, generator: Generator) -> Ints:
    """At most ``limit`` allowed candidates an anchor (None: all), drawn without replacement, padded with -1 ``[A, K]``.

    Where there are many, candidates are drawn with replacement and refused if they are not allowed or were drawn
    before: the first ``limit`` that pass are a uniform draw. Anchors that are left short are drawn from all.
    """
    if limit is None or anchors * candidates <= _SMALL:
        return _from_all(np.arange(anchors), candidates, limit, allowed, generator)
    drawn = generator.integers(0, candidates, (anchors, 2 * limit + 16))
    passed = allowed(np.arange(anchors)[:, None], drawn) & _first_of_its_kind(drawn)
    place = np.where(passed, np.cumsum(passed, axis=1), limit + 1) - 1
    found = np.full((anchors, limit), -1, dtype=np.int64)
    at = np.nonzero(place < limit)
    found[at[0], place[at]] = drawn[at]
    short = np.flatnonzero(passed.sum(axis=1) < limit)
    step = max(1, _SMALL // max(1, candidates))
    for some in (short[begin : begin + step] for begin in range(0, len(short), step)):
        exact = _from_all(some, candidates, limit, allowed, generator)
        found[some] = -1
        found[some, : exact.shape[1]] = exact
    return found


def _from_all(rows: Ints, candidates: int, limit: int | None, allowed: Allowed, generator: Generator) -> Ints:
    mask = allowed(rows[:, None], np.arange(candidates)[None, :])
    width = int(mask.sum(axis=1).max(initial=0))
    keep = width if limit is None else min(width, limit)
    key = np.where(mask, generator.random(mask.shape) if limit is not None else 0.0, np.inf)
    columns = np.argsort(key, axis=1, kind="stable")[:, :keep]
    return np.where(np.take_along_axis(mask, columns, axis=1), columns, -1).astype(np.int64)


def _first_of_its_kind(drawn: Ints) -> Bools:
    """Where a number stands for the first time in its row."""
    order = np.argsort(drawn, axis=1, kind="stable")
    in_order = np.take_along_axis(drawn, order, axis=1)
    new = np.ones(drawn.shape, dtype=np.bool_)
    new[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    first = np.empty_like(new)
    np.put_along_axis(first, order, new, axis=1)
    return first
