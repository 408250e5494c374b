"""Relation discrimination: pulls entity pairs of one relation together and pushes other relations away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt

from finecl.types import (
    NO_RELATION,
    Generator,
    Ints,
    LossSum,
    Objective,
    Pairs,
    RowColumns,
    RowMask,
    pair_has_relation,
    shares_entity,
)

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDS = 8  # of sampling a positive that does not share an entity


@dataclass(frozen=True, kw_only=True)
class RelationDiscrimination(Objective):
    """ERICA's L_RD with FineCL's weights (FineCL, section 3.3).

    Within a contrast group the instances of each relation are shuffled and paired; the two of a pair are each other's
    only positive. An instance without a partner and pairs without a relation serve as negatives only. Rows of one
    document with the same head or the same tail are never compared (released code); nor is an entity pair with itself.
    A pair that carries the anchor's relation among its labels is never a negative.

    ``negatives``: maximum per anchor, sampled without replacement; None uses all.
    ``mate``: how an anchor gets its positive. "uniform" pairs the shuffled instances of a relation (the papers);
    "weighted" samples it among the relation's other instances with a probability in proportion to its weight, so that
    instances that are likely wrong are seldom a positive.
    ``positive_weight``: a term has the weight of its anchor ("anchor", the paper) or the product of the weights of
    anchor and positive ("product"). Use one of the two: both together count the positive's weight twice.
    """

    temperature: Annotated[float, Gt(0)] = 0.05
    negatives: Annotated[int, Ge(1)] | None = 64
    mate: Literal["uniform", "weighted"] = "uniform"
    positive_weight: Literal["anchor", "product"] = "anchor"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Selects at most one positive and up to ``negatives`` negatives per anchor."""
        overlaps, has_relation = shares_entity(anchors, candidates), pair_has_relation(anchors, candidates)
        if self.mate == "uniform":
            partner_A = _partners(anchors.relation, generator)
            partner_A = np.where((partner_A >= 0) & ~overlaps(np.arange(len(partner_A)), partner_A), partner_A, -1)
        else:
            partner_A = _weighted_partners(anchors, overlaps, generator)
        return Pairs.sampled(partner_A[:, None], len(candidates), self.negatives, ~overlaps & ~has_relation, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Computes weighted InfoNCE: the anchor's weight scales its term, a negative's weight its part of the sum."""
        from finecl.losses import weighted_info_nce

        return weighted_info_nce(
            x_AH,
            y_CH,
            pairs,
            anchors.weight,
            candidates.weight,
            temperature=self.temperature,
            weigh_positives=self.positive_weight == "product",
        )


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


def _weighted_partners(rows: RowColumns, overlaps: RowMask, generator: Generator) -> Ints:
    """Samples a row of the same relation for each row, in proportion to its weight; -1 for rows without one.

    A row that overlaps, or is the row itself, is rejected and sampled again, at most ``_ROUNDS`` times. So a row stays
    without one in 1 of 256 draws if its relation has one other row of equal weight, and more often if the others weigh
    less.
    """
    order = np.argsort(rows.relation, kind="stable")
    code, total = rows.relation[order], np.concatenate([[0.0], np.cumsum(rows.weight[order], dtype=np.float64)])
    first, last = (total[np.searchsorted(code, rows.relation, side=side)] for side in ("left", "right"))
    partners = np.full(len(rows), -1, dtype=np.int64)
    for _ in range(_ROUNDS):
        missing = np.flatnonzero((partners < 0) & (rows.relation != NO_RELATION))
        target = first[missing] + generator.random(len(missing)) * (last - first)[missing]
        sampled = order[np.minimum(np.searchsorted(total, target, side="right") - 1, len(rows) - 1)]
        usable = (rows.relation[sampled] == rows.relation[missing]) & ~overlaps(missing, sampled)
        partners[missing[usable]] = sampled[usable]
    return partners
