"""Masks over (anchor, candidate) rows, from which objectives select positives and negatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finecl.types.arrays import NO_RELATION, Bools, Ints

if TYPE_CHECKING:
    from finecl.types.contrast import RowColumns


@dataclass(frozen=True)
class RowMask:
    """A condition on (anchor, candidate) rows, evaluated only for the pairs that are passed.

    Masks combine with ``&``, ``|`` and ``~``. Calling one with two arrays of row numbers that broadcast returns the
    condition for each pair; ``dense()`` returns it for all pairs ``[A, C]``.
    """

    condition: Callable[[Ints, Ints], Bools]
    anchors: int
    candidates: int

    def __call__(self, anchor: Ints, candidate: Ints) -> Bools:
        """Returns the condition for anchor and candidate rows; the two arrays broadcast."""
        return self.condition(anchor, candidate)

    def __and__(self, other: RowMask) -> RowMask:
        """Returns the mask of pairs that satisfy both."""
        return RowMask(lambda a, c: self(a, c) & other(a, c), self.anchors, self.candidates)

    def __or__(self, other: RowMask) -> RowMask:
        """Returns the mask of pairs that satisfy either."""
        return RowMask(lambda a, c: self(a, c) | other(a, c), self.anchors, self.candidates)

    def __invert__(self) -> RowMask:
        """Returns the mask of the other pairs."""
        return RowMask(lambda a, c: ~self(a, c), self.anchors, self.candidates)

    def dense(self) -> Bools:
        """Returns the mask of all pairs ``[A, C]``; for groups of a few thousand rows at most."""
        return np.broadcast_to(
            self(np.arange(self.anchors)[:, None], np.arange(self.candidates)[None, :]),
            (self.anchors, self.candidates),
        ).copy()


def same_document(anchors: RowColumns, candidates: RowColumns) -> RowMask:
    """Returns the mask of rows of one document."""
    return _equal(anchors, candidates, anchors.document, candidates.document)


def same_pair(anchors: RowColumns, candidates: RowColumns) -> RowMask:
    """Returns the mask of rows that label the same entity pair of one document; a row and itself are included."""
    head = _equal(anchors, candidates, anchors.head, candidates.head)
    tail = _equal(anchors, candidates, anchors.tail, candidates.tail)
    return same_document(anchors, candidates) & head & tail


def shares_entity(anchors: RowColumns, candidates: RowColumns) -> RowMask:
    """Returns the mask of rows of one document with the same head or the same tail; a row and itself are included."""
    head = _equal(anchors, candidates, anchors.head, candidates.head)
    tail = _equal(anchors, candidates, anchors.tail, candidates.tail)
    return same_document(anchors, candidates) & (head | tail)


def same_relation(anchors: RowColumns, candidates: RowColumns) -> RowMask:
    """Returns the mask of rows with the same relation; rows without a relation match no row."""
    known_A = anchors.relation != NO_RELATION
    equal = _equal(anchors, candidates, anchors.relation, candidates.relation)
    return RowMask(lambda a, c: equal(a, c) & known_A[a], len(anchors), len(candidates))


def pair_has_relation(anchors: RowColumns, candidates: RowColumns) -> RowMask:
    """Returns the mask of candidates whose entity pair has the anchor's relation in any of its rows."""
    pair = np.stack([candidates.document, candidates.head, candidates.tail])
    _, pair_C = np.unique(pair, axis=1, return_inverse=True)
    pair_C = pair_C.ravel()
    codes, relation_C = np.unique(candidates.relation, return_inverse=True)
    labels = np.zeros((pair_C.max(initial=-1) + 1, len(codes)), dtype=np.bool_)
    labels[pair_C, relation_C] = True
    column_A = np.minimum(np.searchsorted(codes, anchors.relation), max(0, len(codes) - 1))
    known_A = codes[column_A] == anchors.relation if len(codes) else np.zeros(len(anchors), dtype=np.bool_)
    return RowMask(lambda a, c: labels[pair_C[c], column_A[a]] & known_A[a], len(anchors), len(candidates))


def _equal(anchors: RowColumns, candidates: RowColumns, key_A: Ints, key_C: Ints) -> RowMask:
    return RowMask(lambda a, c: key_A[a] == key_C[c], len(anchors), len(candidates))
