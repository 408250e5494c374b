"""Positives and negatives of each anchor, and the sampling of negatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from finecl.types.arrays import Bools, Generator, Ints

if TYPE_CHECKING:
    from finecl.types.masks import RowMask


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The positive and negative candidates of each anchor: candidate rows, padded with -1.

    ``terms`` is the number of terms in the objective's loss. It is known before encoding, so that the loss can be
    normalised exactly across micro-batches and ranks.

    *Shape:* ``positive_AP`` [A, P], ``negative_AK`` [A, K].
    """

    positive_AP: Ints
    negative_AK: Ints
    terms: int

    @classmethod
    def contrastive(cls, positive_AP: Ints, negative_AK: Ints) -> Pairs:
        """Returns pairs with one term for each (anchor, positive) of the anchors that have at least one negative."""
        has_negative_A: Bools = np.any(negative_AK >= 0, axis=1)
        terms = int(((positive_AP >= 0) & has_negative_A[:, None]).sum())
        return cls(positive_AP=positive_AP, negative_AK=negative_AK, terms=terms)

    @classmethod
    def from_masks(
        cls, positive: RowMask | Bools, negative: RowMask | Bools, limit: int | None, generator: Generator
    ) -> Pairs:
        """Returns pairs from masks, with at most ``limit`` negatives per anchor, sampled without replacement.

        ``positive`` and ``negative`` are masks of ``finecl.types`` or arrays [A, C].
        """
        positive_AP = _select(positive, None, generator)
        return cls.contrastive(positive_AP, _select(negative, limit, generator))

    @classmethod
    def sampled(
        cls,
        positive_AP: Ints,
        candidates: int,
        limit: int | None,
        allowed: Allowed,
        generator: Generator,
    ) -> Pairs:
        """Returns contrastive pairs with at most ``limit`` negatives per anchor, sampled without replacement.

        ``allowed(anchor rows, candidate rows)`` takes two arrays that broadcast and returns which candidates may be
        negatives of which anchors. It is called on a few pairs at a time, so that groups of thousands of documents
        need little memory. Anchors without a positive get no negatives.

        *Shape:* ``positive_AP`` [A, P].
        """
        paired = np.flatnonzero(np.any(positive_AP >= 0, axis=1))
        negatives = draw_negatives(paired, candidates, limit, allowed, generator)
        negative_AK = np.full((len(positive_AP), negatives.shape[1]), -1, dtype=np.int64)
        negative_AK[paired] = negatives
        return cls.contrastive(positive_AP, negative_AK)


def _select(mask: RowMask | Bools, limit: int | None, generator: Generator) -> Ints:
    """Returns at most ``limit`` candidates of each anchor for which the mask holds ``[A, K]``, padded with -1."""
    if isinstance(mask, np.ndarray):
        mask_AC = mask
        return draw_negatives(np.arange(len(mask_AC)), mask_AC.shape[1], limit, lambda a, c: mask_AC[a, c], generator)
    return draw_negatives(np.arange(mask.anchors), mask.candidates, limit, mask, generator)


Allowed: TypeAlias = Callable[[Ints, Ints], Bools]
"""Returns whether candidates may be negatives of anchors; takes row numbers of both, as arrays that broadcast."""
_EXTRA_SAMPLES = 16  # samples beyond the requested number: in small groups many are rejected
_MAX_PAIRS = 2**21  # (anchor, candidate) pairs that are examined together


def draw_negatives(anchors: Ints, candidates: int, limit: int | None, allowed: Allowed, generator: Generator) -> Ints:
    """Samples at most ``limit`` allowed candidates (None: all) for each anchor, without replacement.

    With many candidates, it samples with replacement and rejects candidates that are not allowed or are repeated; the
    first ``limit`` accepted ones are a uniform sample. Anchors with too few accepted ones are sampled from all
    candidates.

    *Shape:* ``anchors`` [A]; the result [A, K], padded with -1.
    """
    if limit is None or candidates <= 3 * limit:
        return _sample_exactly(anchors, candidates, limit, allowed, generator)
    sampled = generator.integers(0, candidates, (len(anchors), limit + limit // 2 + 16))
    accepted = allowed(anchors[:, None], sampled) & _first_occurrence(sampled)
    count = np.cumsum(accepted, axis=1)
    row, column = np.nonzero(accepted & (count <= limit))
    negatives = np.full((len(anchors), limit), -1, dtype=np.int64)
    negatives[row, count[row, column] - 1] = sampled[row, column]
    short = np.flatnonzero(count[:, -1] < limit)
    step = max(1, _MAX_PAIRS // max(1, candidates))
    for rows in (short[begin : begin + step] for begin in range(0, len(short), step)):
        exact = _sample_exactly(anchors[rows], candidates, limit, allowed, generator)
        negatives[rows] = -1
        negatives[rows, : exact.shape[1]] = exact
    return negatives


def _sample_exactly(rows: Ints, candidates: int, limit: int | None, allowed: Allowed, generator: Generator) -> Ints:
    """Samples among all allowed candidates; needs the full mask [A, C]."""
    mask = allowed(rows[:, None], np.arange(candidates)[None, :])
    if limit is not None:
        key = np.where(mask, generator.random(mask.shape), np.inf)
        mask = np.argsort(np.argsort(key, axis=1), axis=1) < np.minimum(limit, mask.sum(axis=1))[:, None]
    row, column = np.nonzero(mask)
    count = mask.sum(axis=1)
    sampled = np.full((len(rows), int(count.max(initial=0))), -1, dtype=np.int64)
    sampled[row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)] = column
    return sampled


def _first_occurrence(sampled: Ints) -> Bools:
    """Returns where a number occurs for the first time in its row."""
    order = np.argsort(sampled, axis=1, kind="stable")
    in_order = np.take_along_axis(sampled, order, axis=1)
    new = np.ones(sampled.shape, dtype=np.bool_)
    new[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    first = np.empty_like(new)
    np.put_along_axis(first, order, new, axis=1)
    return first


def sharing_one(head: Ints, tail: Ints, count: int, generator: Generator, rounds: int = 4) -> tuple[Ints, Ints]:
    """Samples at most ``count`` distinct pairs of rows that share their head or their tail, but not both.

    ``head`` and ``tail`` are keys of the rows' entities. Partners are sampled among the rows of one key and rejected
    if the other key is shared too, so that not all pairs are held in memory; sampling is repeated up to ``rounds``
    times.

    *Shape:* ``head``, ``tail`` [A]; the results, smaller row first, at most [count].
    """
    sampled = np.zeros((0, 2), dtype=np.int64)
    sides = [(side, np.argsort(side, kind="stable")) for side in (head, tail)]
    for _ in range(rounds if len(head) > 1 else 0):
        for side, order in sides:
            row = generator.integers(0, len(side), count + _EXTRA_SAMPLES)
            first, last = (np.searchsorted(side[order], side[row], side=s) for s in ("left", "right"))
            other = order[first + (generator.random(len(row)) * (last - first)).astype(np.int64)]
            one = (head[row] == head[other]) ^ (tail[row] == tail[other])
            pairs = np.sort(np.stack([row[one], other[one]], axis=1), axis=1)
            sampled = np.unique(np.concatenate([sampled, pairs]), axis=0)
        if len(sampled) >= count:
            break
    selected = sampled[generator.permutation(len(sampled))[:count]]
    return selected[:, 0], selected[:, 1]


def same_key(key_A: Ints, key_C: Ints) -> Ints:
    """Returns all candidates with the anchor's key, in ascending order ``[A, P]``, padded with -1."""
    order = np.argsort(key_C, kind="stable")
    begin, end = (np.searchsorted(key_C[order], key_A, side=side) for side in ("left", "right"))
    count = end - begin
    place_AP = np.arange(int(count.max(initial=0)))[None, :]
    at_AP = np.minimum(begin[:, None] + place_AP, max(0, len(order) - 1))
    candidate_AP: Ints = np.where(place_AP < count[:, None], order[at_AP] if len(order) else -1, -1)
    return candidate_AP


def padded(anchor: Ints, candidate: Ints, anchors: int) -> Ints:
    """Groups (anchor, candidate) pairs of rows by anchor: candidates of each of ``anchors`` rows ``[A, P]``.

    Rows are padded with -1.
    """
    order = np.lexsort((candidate, anchor))
    row, count = anchor[order], np.bincount(anchor, minlength=anchors)
    place = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    candidate_AP = np.full((anchors, int(count.max(initial=0))), -1, dtype=np.int64)
    candidate_AP[row, place] = candidate[order]
    return candidate_AP
