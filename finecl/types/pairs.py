"""Positives and negatives of each anchor, and how negatives are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from finecl.types.arrays import Bools, Generator, Ints
from finecl.types.masks import RowMask


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which candidates are positive and which negative for each anchor: candidate rows, padded with -1.

    ``terms`` is the number of terms that the objective's loss will sum. It is known before anything is encoded,
    so accumulated passes and ranks can be normalised exactly.

    *Shape:* ``positive_AP`` [A, P], ``negative_AK`` [A, K].
    """

    positive_AP: Ints
    negative_AK: Ints
    terms: int

    @classmethod
    def contrastive(cls, positive_AP: Ints, negative_AK: Ints) -> Pairs:
        """Pairs whose terms are the (anchor, positive) pairs of anchors that have at least one negative."""
        has_negative_A: Bools = np.any(negative_AK >= 0, axis=1)
        terms = int(((positive_AP >= 0) & has_negative_A[:, None]).sum())
        return cls(positive_AP=positive_AP, negative_AK=negative_AK, terms=terms)

    @classmethod
    def from_masks(
        cls, positive: RowMask | Bools, negative: RowMask | Bools, limit: int | None, generator: Generator
    ) -> Pairs:
        """Selects pairs from masks, with at most ``limit`` negatives per anchor, sampled without replacement.

        ``positive`` and ``negative`` are masks of ``finecl.types`` or arrays [A, C].
        """
        positive, negative = (RowMask.of(mask) for mask in (positive, negative))
        anchors = np.arange(positive.anchors)
        positive_AP = draw_negatives(anchors, positive.candidates, None, positive, generator)
        negative_AK = draw_negatives(anchors, negative.candidates, limit, negative, generator)
        return cls.contrastive(positive_AP, negative_AK)

    @classmethod
    def sampled(
        cls,
        positive_AP: Ints,
        candidates: int,
        limit: int | None,
        allowed: Allowed,
        generator: Generator,
    ) -> Pairs:
        """Contrastive pairs with at most ``limit`` negatives an anchor, drawn without replacement.

        ``allowed(anchor rows, candidate rows)``, two arrays that broadcast, says which candidates may be negatives of
        which anchors. It is never asked about all pairs at once when there are many, so groups of thousands of
        documents are as good as small ones. Anchors without a positive get no negatives.

        *Shape:* ``positive_AP`` [A, P].
        """
        paired = np.flatnonzero(np.any(positive_AP >= 0, axis=1))
        drawn = draw_negatives(paired, candidates, limit, allowed, generator)
        negative_AK = np.full((len(positive_AP), drawn.shape[1]), -1, dtype=np.int64)
        negative_AK[paired] = drawn
        return cls.contrastive(positive_AP, negative_AK)


Allowed: TypeAlias = Callable[[Ints, Ints], Bools]
"""Whether candidates may be negatives of anchors: row numbers of both, as arrays that broadcast."""
_MORE = 16  # draws beyond the pairs that are wanted: of few, many are refused
_AT_ONCE = 2**21  # pairs of short anchors and candidates that are looked at together


def draw_negatives(anchors: Ints, candidates: int, limit: int | None, allowed: Allowed, generator: Generator) -> Ints:
    """At most ``limit`` allowed candidates for each of these anchors (None: all), drawn without replacement.

    Where there are many, candidates are drawn with replacement and refused if they are not allowed or were drawn
    before: the first ``limit`` that pass are a uniform draw. Anchors that are left short are drawn from all.

    *Shape:* ``anchors`` [A]; the result [A, K], padded with -1.
    """
    if limit is None or candidates <= 3 * limit:
        return _from_all(anchors, candidates, limit, allowed, generator)
    drawn = generator.integers(0, candidates, (len(anchors), limit + limit // 2 + 16))
    passed = allowed(anchors[:, None], drawn) & _first_of_its_kind(drawn)
    count = np.cumsum(passed, axis=1)
    row, column = np.nonzero(passed & (count <= limit))
    found = np.full((len(anchors), limit), -1, dtype=np.int64)
    found[row, count[row, column] - 1] = drawn[row, column]
    short = np.flatnonzero(count[:, -1] < limit)
    step = max(1, _AT_ONCE // max(1, candidates))
    for some in (short[begin : begin + step] for begin in range(0, len(short), step)):
        exact = _from_all(anchors[some], candidates, limit, allowed, generator)
        found[some] = -1
        found[some, : exact.shape[1]] = exact
    return found


def _from_all(rows: Ints, candidates: int, limit: int | None, allowed: Allowed, generator: Generator) -> Ints:
    mask = allowed(rows[:, None], np.arange(candidates)[None, :])
    if limit is not None:
        key = np.where(mask, generator.random(mask.shape), np.inf)
        mask = np.argsort(np.argsort(key, axis=1), axis=1) < np.minimum(limit, mask.sum(axis=1))[:, None]
    row, column = np.nonzero(mask)
    count = mask.sum(axis=1)
    found = np.full((len(rows), int(count.max(initial=0))), -1, dtype=np.int64)
    found[row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)] = column
    return found


def _first_of_its_kind(drawn: Ints) -> Bools:
    """Where a number stands for the first time in its row."""
    order = np.argsort(drawn, axis=1, kind="stable")
    in_order = np.take_along_axis(drawn, order, axis=1)
    new = np.ones(drawn.shape, dtype=np.bool_)
    new[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    first = np.empty_like(new)
    np.put_along_axis(first, order, new, axis=1)
    return first


def sharing_one(head: Ints, tail: Ints, count: int, generator: Generator, rounds: int = 4) -> tuple[Ints, Ints]:
    """At most ``count`` different pairs of rows that share their head or their tail, but not both.

    ``head`` and ``tail`` are keys of the rows' entities. Partners are drawn among the rows of one key and refused if
    the other key is shared too, so that no table of all pairs is held; ``rounds`` of draws are made.

    *Shape:* ``head``, ``tail`` [A]; the results, lesser row first, at most [count].
    """
    found = np.zeros((0, 2), dtype=np.int64)
    sides = [(side, np.argsort(side, kind="stable")) for side in (head, tail)]
    for _ in range(rounds if len(head) > 1 else 0):
        for side, order in sides:
            row = generator.integers(0, len(side), count + _MORE)
            first, last = (np.searchsorted(side[order], side[row], side=s) for s in ("left", "right"))
            other = order[first + (generator.random(len(row)) * (last - first)).astype(np.int64)]
            one = (head[row] == head[other]) ^ (tail[row] == tail[other])
            pairs = np.sort(np.stack([row[one], other[one]], axis=1), axis=1)
            found = np.unique(np.concatenate([found, pairs]), axis=0)
        if len(found) >= count:
            break
    drawn = found[generator.permutation(len(found))[:count]]
    return drawn[:, 0], drawn[:, 1]


def same_key(key_A: Ints, key_C: Ints) -> Ints:
    """All candidates with the anchor's key, in rising order ``[A, P]``, padded with -1."""
    order = np.argsort(key_C, kind="stable")
    begin, end = (np.searchsorted(key_C[order], key_A, side=side) for side in ("left", "right"))
    count = end - begin
    place_AP = np.arange(int(count.max(initial=0)))[None, :]
    at_AP = np.minimum(begin[:, None] + place_AP, max(0, len(order) - 1))
    found: Ints = np.where(place_AP < count[:, None], order[at_AP] if len(order) else -1, -1)
    return found


def padded(anchor: Ints, candidate: Ints, anchors: int) -> Ints:
    """Pairs of rows as candidates of each of ``anchors`` rows ``[A, P]``, padded with -1."""
    order = np.lexsort((candidate, anchor))
    row, count = anchor[order], np.bincount(anchor, minlength=anchors)
    place = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    found = np.full((anchors, int(count.max(initial=0))), -1, dtype=np.int64)
    found[row, place] = candidate[order]
    return found
