"""CP's objective: pulls sentences of one relation together and pushes other relations away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finecl.types import NO_RELATION, BatchSampling, Bools, Generator, Ints, LossSum, Pairs, RowColumns, Unit, same_key

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RelationContrast:
    """NT-Xent over relations (Peng et al. 2020, section 3.2).

    All rows of the anchor's relation are positives, all rows of other relations negatives. The denominator of a
    positive's term has this positive and the anchor's negatives, not the other positives, as in their release, which
    uses pytorch-metric-learning.

    The similarity is cosine divided by ``temperature``; the paper's formula has neither, the release has both.
    ``negatives``: maximum per anchor, sampled without replacement; None, as in CP, uses all of the group.
    ``weight_negatives``: whether to apply the weights of negatives too, as in FineCL; no effect if all weights are 1.
    """

    temperature: float = 0.05
    negatives: int | None = None
    weight_negatives: bool = True

    @property
    def anchors(self) -> Unit:
        """Labelled entity pairs."""
        return "pair"

    @property
    def candidates(self) -> Unit:
        """Labelled entity pairs, and pairs without a relation as negatives."""
        return "pair"

    @property
    def draw(self) -> BatchSampling:
        """Samples two sentences of one relation at a time."""
        return "relation-pairs"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Selects all rows of the anchor's relation as positives and of other relations as negatives.

        Rows of the anchor's own entity pair are neither.
        """
        same_pair = _SameEntityPair(anchors, candidates)
        labelled = anchors.relation != NO_RELATION
        positive_AP = same_key(np.where(labelled, anchors.relation, -2), candidates.relation)
        row_A = np.arange(len(anchors))[:, None]
        itself_AP = same_pair(row_A, np.maximum(positive_AP, 0))
        positive_AP = np.where((positive_AP >= 0) & ~itself_AP, positive_AP, -1)

        def allowed(anchor: Ints, candidate: Ints) -> Bools:
            other: Bools = anchors.relation[anchor] != candidates.relation[candidate]
            return other & ~same_pair(anchor, candidate)

        return Pairs.drawn(positive_AP, len(candidates), self.negatives, allowed, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Computes NT-Xent summed over (anchor, positive) pairs, each times its anchor's weight."""
        from finecl.losses import weighted_info_nce

        weight_C = candidates.weight if self.weight_negatives else np.ones(len(candidates), dtype=np.float32)
        return weighted_info_nce(x_AH, y_CH, pairs, anchors.weight, weight_C, temperature=self.temperature)


class _SameEntityPair:
    """Tests whether two rows are labels of the same entity pair of one document."""

    def __init__(self, anchors: RowColumns, candidates: RowColumns) -> None:
        self._anchors, self._candidates = anchors, candidates

    def __call__(self, anchor: Ints, candidate: Ints) -> Bools:
        same = np.bool_(True)
        for name in ("document", "head", "tail"):
            same = same & (getattr(self._anchors, name)[anchor] == getattr(self._candidates, name)[candidate])
        result: Bools = np.asarray(same, dtype=np.bool_)
        return result
