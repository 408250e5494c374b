"""CP's objective: pulls sentences of one relation together and pushes other relations away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt

from finecl.types import (
    NO_RELATION,
    BatchSampling,
    Generator,
    LossSum,
    Objective,
    Pairs,
    RowColumns,
    same_key,
    same_pair,
    same_relation,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RelationContrast(Objective):
    """NT-Xent over relations (Peng et al. 2020, section 3.2).

    All rows of the anchor's relation are positives, all rows of other relations negatives. The denominator of a
    positive's term has this positive and the anchor's negatives, not the other positives, as in their release, which
    uses pytorch-metric-learning.

    The similarity is cosine divided by ``temperature``; the paper's formula has neither, the release has both.
    ``negatives``: maximum per anchor, sampled without replacement; None, as in CP, uses all of the group.
    ``weight_negatives``: whether to apply the weights of negatives too, as in FineCL; no effect if all weights are 1.
    """

    sampling: ClassVar[BatchSampling] = "relation-pairs"

    temperature: Annotated[float, Gt(0)] = 0.05
    negatives: Annotated[int, Ge(1)] | None = None
    weight_negatives: bool = True

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Selects all rows of the anchor's relation as positives and of other relations as negatives.

        Rows of the anchor's own entity pair are neither.
        """
        itself, related = same_pair(anchors, candidates), same_relation(anchors, candidates)
        labelled = anchors.relation != NO_RELATION
        positive_AP = same_key(np.where(labelled, anchors.relation, -2), candidates.relation)
        row_A = np.arange(len(anchors))[:, None]
        positive_AP = np.where((positive_AP >= 0) & ~itself(row_A, np.maximum(positive_AP, 0)), positive_AP, -1)
        return Pairs.sampled(positive_AP, len(candidates), self.negatives, ~related & ~itself, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Computes NT-Xent summed over (anchor, positive) pairs, each times its anchor's weight."""
        from finecl.losses import weighted_info_nce

        weight_C = candidates.weight if self.weight_negatives else np.ones(len(candidates), dtype=np.float32)
        return weighted_info_nce(x_AH, y_CH, pairs, anchors.weight, weight_C, temperature=self.temperature)
