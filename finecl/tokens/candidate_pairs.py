"""Selects candidate pairs of documents: the labelled entity pairs, and a sample or all of the other pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from finecl.numerics.keyed_random import keyed_uniform
from finecl.numerics.ragged import find, first_within, offsets, pair_key, ranges
from finecl.tokens.packing import Packed
from finecl.types import Bools, Instances, Ints

PairFilter: TypeAlias = Callable[[Ints, Ints, Ints], Bools]
"""Returns which pairs may be used as no-relation pairs; takes documents of the corpus, heads and tails."""


@dataclass(frozen=True, kw_only=True)
class CandidatePairs:
    """Entity pairs of packed documents, and their instances. ``pair_I`` is the pair that each instance labels.

    *Shape:* ``document_P`` (counted within the pack), ``head_P``, ``tail_P`` (entities of the document),
    ``head_row_P``, ``tail_row_P`` (entity rows of the pack) [P]; ``instance_I``, ``pair_I``, ``relation_I`` [I].
    """

    document_P: Ints
    head_P: Ints
    tail_P: Ints
    head_row_P: Ints
    tail_row_P: Ints
    instance_I: Ints
    pair_I: Ints
    relation_I: Ints

    def __len__(self) -> int:
        return len(self.document_P)


def instances_of(instances: Instances, documents: Ints) -> tuple[Ints, Ints]:
    """Returns the numbers of the instances of these documents, and the position of each one's document."""
    first = np.searchsorted(instances.document, documents, side="left")
    count = np.searchsorted(instances.document, documents, side="right") - first
    return ranges(first, count), np.repeat(np.arange(len(documents)), count)


def all_pairs(packed: Packed, *, marked: bool = False) -> tuple[Ints, Ints]:
    """Returns all ordered pairs of different entities of the same document, as entity rows (head, tail).

    A marked sentence has one pair: entity 0 is the head and entity 1 the tail.
    """
    count = np.bincount(packed.document_V, minlength=len(packed.lengths))
    size = count[packed.document_V]
    head = np.repeat(np.arange(len(packed.key_V)), size)
    tail = ranges(np.repeat(offsets(count), count), size)
    different = head < tail if marked else head != tail
    return head[different], tail[different]


def select_pairs(
    packed: Packed,
    instances: Instances,
    documents: Ints,
    *,
    marked: bool = False,
    pair_filter: PairFilter | None = None,
    negatives: float | None = None,
    at_most: int | None = None,
    seed: int = 0,
    epoch: int = 0,
) -> CandidatePairs:
    """Returns the labelled pairs within the encoder's reach, and no-relation pairs sampled from each document.

    ``negatives`` is the number of no-relation pairs per labelled pair (at least one per document), ``at_most`` their
    maximum per document; with neither, all pairs are returned. ``documents`` are the documents' numbers in their
    corpus; ``marked``: they are marked sentences; ``pair_filter`` restricts the no-relation pairs.
    """
    number, local = instances_of(instances, documents)
    head_row = packed.entity_rows(local, instances.head[number])
    tail_row = packed.entity_rows(local, instances.tail[number])
    within_reach = (head_row >= 0) & (tail_row >= 0)
    number, key_I = number[within_reach], _key(packed, head_row[within_reach], tail_row[within_reach])
    labelled = np.unique(key_I)
    free = _unlabelled(packed, labelled, documents, marked, pair_filter)
    if negatives is not None or at_most is not None:
        quota = _quota(packed, labelled, negatives, at_most)
        free = free[_sampled(packed, free, documents, quota, seed, epoch)]
    pairs = np.sort(np.concatenate([labelled, free]))
    head, tail = pairs // _width(packed), pairs % _width(packed)
    return CandidatePairs(
        document_P=packed.document_V[head],
        head_P=packed.entity_V[head],
        tail_P=packed.entity_V[tail],
        head_row_P=head,
        tail_row_P=tail,
        instance_I=number,
        pair_I=find(pairs, key_I),
        relation_I=instances.relation[number],
    )


def _unlabelled(packed: Packed, labelled: Ints, documents: Ints, marked: bool, pair_filter: PairFilter | None) -> Ints:
    """Returns the keys of the pairs without a label that the filter lets pass."""
    free = _key(packed, *all_pairs(packed, marked=marked))
    free = free[find(labelled, free) < 0]
    if pair_filter is None:
        return free
    head, tail = free // _width(packed), free % _width(packed)
    return free[pair_filter(documents[packed.document_V[head]], packed.entity_V[head], packed.entity_V[tail])]


def _width(packed: Packed) -> int:
    return max(len(packed.key_V), 1)


def _key(packed: Packed, head_row: Ints, tail_row: Ints) -> Ints:
    return head_row * _width(packed) + tail_row


def _quota(packed: Packed, labelled: Ints, negatives: float | None, at_most: int | None) -> Ints:
    """Returns the number of no-relation pairs of each document."""
    quota = np.full(len(packed.lengths), np.iinfo(np.int64).max)
    if negatives is not None:
        positives = np.bincount(packed.document_V[labelled // _width(packed)], minlength=len(packed.lengths))
        quota = np.maximum(np.ceil(positives * negatives), min(negatives, 1)).astype(np.int64)
    return quota if at_most is None else np.minimum(quota, at_most)


def _sampled(packed: Packed, keys: Ints, documents: Ints, quota: Ints, seed: int, epoch: int) -> Bools:
    """Marks a uniform sample of ``quota[d]`` pairs of each document."""
    head, tail = keys // _width(packed), keys % _width(packed)
    local = packed.document_V[head]
    identity = pair_key(documents[local], packed.entity_V[head], packed.entity_V[tail])
    return first_within(local, quota, keyed_uniform(identity, seed, "no-relation pairs", epoch))
