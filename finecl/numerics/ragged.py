"""Vectorised arithmetic on ragged columns: segments of unequal length stored end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from finecl.types import Bools, Ints


ENTITY_BITS = 20  # a document has fewer than a million entities


def entity_key(document: Ints, entity: Ints) -> Ints:
    """Returns one integer key for an entity of a document."""
    return (document << ENTITY_BITS) | entity


def pair_key(document: Ints, head: Ints, tail: Ints) -> Ints:
    """Returns one integer key for an ordered pair of entities of a document (of fewer than 8 million documents)."""
    return (entity_key(document, head) << ENTITY_BITS) | tail


def ranges(starts: Ints, lengths: Ints) -> Ints:
    """Returns the integers ``start, start + 1, ...`` of each segment, concatenated."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    numbers: Ints = np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - lengths), lengths)
    return numbers


def offsets(lengths: Ints) -> Ints:
    """Returns the offset at which each segment begins."""
    return np.cumsum(lengths) - lengths


def rank_within(group: Ints, key: npt.NDArray[np.generic] | None = None) -> Ints:
    """Returns the rank of each element within its group, ordered by ``key`` (by position if None), from 0."""
    order = np.lexsort((key, group)) if key is not None else np.argsort(group, kind="stable")
    in_order = group[order]
    first = np.flatnonzero(np.r_[True, in_order[1:] != in_order[:-1]]) if len(group) else np.zeros(0, dtype=np.int64)
    sizes = np.diff(np.r_[first, len(group)])
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(first, sizes)
    return rank


def first_within(group: Ints, quota: Ints, key: npt.NDArray[np.generic]) -> Bools:
    """Marks the ``quota[g]`` elements of smallest ``key`` of each group ``g``: a random sample if keys are random."""
    return rank_within(group, key) < quota[group]


def find(keys: Ints, queries: Ints) -> Ints:
    """Returns the position of each query in the sorted ``keys``; -1 if it is missing."""
    if not len(keys):
        return np.full(len(queries), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    return np.where(keys[at] == queries, at, -1)
