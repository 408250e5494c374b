"""Relation discrimination: pulls entity pairs of one relation together and pushes other relations away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finecl.types import NO_RELATION, BatchSampling, Bools, Generator, Ints, LossSum, Pairs, RowColumns, Unit

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RelationDiscrimination:
    """ERICA's L_RD with FineCL's weights (FineCL, section 3.3).

    Within a contrast group the instances of each relation are shuffled and paired; the two of a pair are each other's
    only positive. An instance without a partner and pairs without a relation serve as negatives only. Rows of one
    document with the same head or the same tail are never compared (released code); nor is an entity pair with itself.
    A pair that carries the anchor's relation among its labels is never a negative.

    ``negatives``: maximum per anchor, sampled without replacement; None uses all.
    """

    temperature: float = 0.05
    negatives: int | None = 64

    @property
    def anchors(self) -> Unit:
        """Labelled entity pairs."""
        return "pair"

    @property
    def candidates(self) -> Unit:
        """Labelled entity pairs and pairs without a relation."""
        return "pair"

    @property
    def draw(self) -> BatchSampling:
        """Samples documents uniformly."""
        return "documents"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Selects at most one positive and up to ``negatives`` negatives per anchor."""
        partner_A = _partners(anchors.relation, generator)
        overlaps, has_relation = _SharesEntity(anchors, candidates), _HasRelation(anchors, candidates)
        partner_A = np.where((partner_A >= 0) & ~overlaps(np.arange(len(partner_A)), partner_A), partner_A, -1)

        def allowed(anchor: Ints, candidate: Ints) -> Bools:
            return ~overlaps(anchor, candidate) & ~has_relation(anchor, candidate)

        return Pairs.drawn(partner_A[:, None], len(candidates), self.negatives, allowed, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Computes weighted InfoNCE: the anchor's weight scales its term, a negative's weight its part of the sum."""
        from finecl.losses import weighted_info_nce

        return weighted_info_nce(x_AH, y_CH, pairs, anchors.weight, candidates.weight, temperature=self.temperature)


def _partners(relation: Ints, generator: Generator) -> Ints:
    """Shuffles the rows of each relation and pairs them (0, 1), (2, 3), ...; -1 for rows without a partner."""
    order = np.lexsort((generator.random(len(relation)), relation))
    code = relation[order]
    first = np.searchsorted(code, code, side="left")
    size = np.searchsorted(code, code, side="right") - first
    rank = np.arange(len(code)) - first
    partner_rank = rank ^ 1
    paired = (code != NO_RELATION) & (partner_rank < size)
    partners = np.full(len(relation), -1, dtype=np.int64)
    partners[order[paired]] = order[(first + partner_rank)[paired]]
    return partners


class _SharesEntity:
    """Tests whether two rows are of one document and have the same head or the same tail; true for a row and itself."""

    def __init__(self, anchors: RowColumns, candidates: RowColumns) -> None:
        self._anchors, self._candidates = (
            tuple((table.document << 20) | entity for entity in (table.head, table.tail))
            for table in (anchors, candidates)
        )

    def __call__(self, anchor: Ints, candidate: Ints) -> Bools:
        (head_A, tail_A), (head_C, tail_C) = self._anchors, self._candidates
        shared: Bools = (head_A[anchor] == head_C[candidate]) | (tail_A[anchor] == tail_C[candidate])
        return shared


class _HasRelation:
    """Tests whether any label of the candidate's entity pair is the anchor's relation."""

    def __init__(self, anchors: RowColumns, candidates: RowColumns) -> None:
        pair = np.stack([candidates.document, candidates.head, candidates.tail])
        _, pair_C = np.unique(pair, axis=1, return_inverse=True)
        codes, relation_C = np.unique(candidates.relation, return_inverse=True)
        self._labels = np.zeros((pair_C.max(initial=-1) + 1, len(codes)), dtype=np.bool_)
        self._labels[pair_C.ravel(), relation_C] = True
        self._pair_C = pair_C.ravel()
        self._column_A = np.minimum(np.searchsorted(codes, anchors.relation), len(codes) - 1)
        self._known_A = codes[self._column_A] == anchors.relation

    def __call__(self, anchor: Ints, candidate: Ints) -> Bools:
        labelled: Bools = self._labels[self._pair_C[candidate], self._column_A[anchor]] & self._known_A[anchor]
        return labelled
