"""Relation discrimination: pulls entity pairs of one relation together and pushes other relations away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finecl.types import (
    NO_RELATION,
    Generator,
    Ints,
    LossSum,
    Objective,
    Pairs,
    RowColumns,
    pair_has_relation,
    shares_entity,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RelationDiscrimination(Objective):
    """ERICA's L_RD with FineCL's weights (FineCL, section 3.3).

    Within a contrast group the instances of each relation are shuffled and paired; the two of a pair are each other's
    only positive. An instance without a partner and pairs without a relation serve as negatives only. Rows of one
    document with the same head or the same tail are never compared (released code); nor is an entity pair with itself.
    A pair that carries the anchor's relation among its labels is never a negative.

    ``negatives``: maximum per anchor, sampled without replacement; None uses all.
    """

    temperature: float = 0.05
    negatives: int | None = 64

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Selects at most one positive and up to ``negatives`` negatives per anchor."""
        partner_A = _partners(anchors.relation, generator)
        overlaps, has_relation = shares_entity(anchors, candidates), pair_has_relation(anchors, candidates)
        partner_A = np.where((partner_A >= 0) & ~overlaps(np.arange(len(partner_A)), partner_A), partner_A, -1)
        return Pairs.sampled(partner_A[:, None], len(candidates), self.negatives, ~overlaps & ~has_relation, generator)

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
