"""Relation discrimination: pairs of one relation close together, pairs of other relations apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finecl.types import NO_RELATION, Bools, Draw, Generator, Ints, LossSum, Pairs, Table, View

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RelationDiscrimination:
    """ERICA's L_RD with FineCL's weights (FineCL, section 3.3).

    Within a contrast group the instances of each relation are shuffled and paired; each of the two is the other's
    one positive, an odd one left over is a negative only, and so are pairs without a relation. Two rows of one
    document that share their head or their tail are neither positive nor negative (released code): neither is a
    pair compared with itself, nor with a pair that carries the anchor's relation among its labels.

    ``negatives``: at most so many a anchor, drawn without replacement; None takes all.
    """

    temperature: float = 0.05
    negatives: int | None = 64

    @property
    def anchors(self) -> View:
        """Labelled pairs."""
        return "pair"

    @property
    def candidates(self) -> View:
        """Labelled pairs and pairs without a relation."""
        return "pair"

    @property
    def draw(self) -> Draw:
        """Whole documents."""
        return "documents"

    def pairs(self, anchors: Table, candidates: Table, generator: Generator) -> Pairs:
        """One positive an anchor at most, and up to ``negatives`` negatives."""
        clash_AC = _related(anchors, candidates)
        mate_A = _mates(anchors.relation, generator)
        paired = np.flatnonzero(mate_A >= 0)
        positive_AC = np.zeros_like(clash_AC)
        positive_AC[paired, mate_A[paired]] = ~clash_AC[paired, mate_A[paired]]
        negative_AC = ~clash_AC & ~_carries(anchors, candidates) & positive_AC.any(axis=1, keepdims=True)
        return Pairs.from_masks(positive_AC, negative_AC, self.negatives, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: Table, candidates: Table) -> LossSum:
        """Weighted InfoNCE; the anchor's weight outside, the negatives' weights inside."""
        from finecl.losses import weighted_info_nce

        return weighted_info_nce(x_AH, y_CH, pairs, anchors.weight, candidates.weight, temperature=self.temperature)


def _mates(relation: Ints, generator: Generator) -> Ints:
    """Shuffles the rows of each relation and pairs them (0, 1), (2, 3), ...; -1 for those left alone."""
    order = np.lexsort((generator.random(len(relation)), relation))
    code = relation[order]
    first = np.searchsorted(code, code, side="left")
    size = np.searchsorted(code, code, side="right") - first
    rank = np.arange(len(code)) - first
    mate_rank = rank ^ 1
    paired = (code != NO_RELATION) & (mate_rank < size)
    mates = np.full(len(relation), -1, dtype=np.int64)
    mates[order[paired]] = order[(first + mate_rank)[paired]]
    return mates


def _related(anchors: Table, candidates: Table) -> Bools:
    """Rows of one document that share their head or their tail ``[A, C]``; that holds for a row and itself."""
    same_document = anchors.document[:, None] == candidates.document[None, :]
    same_head = anchors.head[:, None] == candidates.head[None, :]
    same_tail = anchors.tail[:, None] == candidates.tail[None, :]
    related: Bools = same_document & (same_head | same_tail)
    return related


def _carries(anchors: Table, candidates: Table) -> Bools:
    """Where a candidate's pair carries the anchor's relation, under whichever of its labels ``[A, C]``."""
    pair = np.stack([candidates.document, candidates.head, candidates.tail])
    _, pair_C = np.unique(pair, axis=1, return_inverse=True)
    codes, relation_C = np.unique(candidates.relation, return_inverse=True)
    carried = np.zeros((pair_C.max(initial=-1) + 1, len(codes)), dtype=np.bool_)
    carried[pair_C.ravel(), relation_C] = True
    column_A = np.minimum(np.searchsorted(codes, anchors.relation), len(codes) - 1)
    known_A = codes[column_A] == anchors.relation
    found: Bools = carried[pair_C.ravel()][:, column_A].T & known_A[:, None]
    return found
