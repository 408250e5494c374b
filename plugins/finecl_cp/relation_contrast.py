"""CP's contrast: sentences of one relation are close together, those of others apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from finecl.types import NO_RELATION, BatchSampling, Bools, Generator, Ints, LossSum, Pairs, RowColumns, Unit, same_key

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RelationContrast:
    """NT-Xent over relations (Peng et al. 2020, section 3.2, as their release computes it with
    pytorch-metric-learning): all rows of the anchor's relation are its positives, all rows of other relations its
    negatives. Each positive's term holds its own numerator and the anchor's negatives, not the other positives.

    The vectors are compared by cosine, with ``temperature``; the papers' formula has neither, the release both.
    ``negatives``: at most so many an anchor, drawn without replacement; None, as in CP, takes all of the group.
    ``weight_negatives``: whether a negative's weight counts too, as in FineCL; without weights it changes nothing.
    """

    temperature: float = 0.05
    negatives: int | None = None
    weight_negatives: bool = True

    @property
    def anchors(self) -> Unit:
        """Labelled pairs."""
        return "pair"

    @property
    def candidates(self) -> Unit:
        """Labelled pairs, and pairs without a relation as negatives."""
        return "pair"

    @property
    def draw(self) -> BatchSampling:
        """Two sentences of one relation at a time."""
        return "relation-pairs"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """All rows of the relation but those of the anchor's own entity pair are positives, the others negatives."""
        pair = _Same(anchors, candidates)
        labelled = anchors.relation != NO_RELATION
        positive_AP = same_key(np.where(labelled, anchors.relation, -2), candidates.relation)
        row_A = np.arange(len(anchors))[:, None]
        own = pair(row_A, np.maximum(positive_AP, 0))
        positive_AP = np.where((positive_AP >= 0) & ~own, positive_AP, -1)

        def allowed(anchor: Ints, candidate: Ints) -> Bools:
            other: Bools = anchors.relation[anchor] != candidates.relation[candidate]
            return other & ~pair(anchor, candidate)

        return Pairs.drawn(positive_AP, len(candidates), self.negatives, allowed, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """NT-Xent summed over (anchor, positive) pairs, each times its anchor's weight."""
        from finecl.losses import weighted_info_nce

        weight_C = candidates.weight if self.weight_negatives else np.ones(len(candidates), dtype=np.float32)
        return weighted_info_nce(x_AH, y_CH, pairs, anchors.weight, weight_C, temperature=self.temperature)


class _Same:
    """Whether two rows are labels of one entity pair of one document."""

    def __init__(self, anchors: RowColumns, candidates: RowColumns) -> None:
        self._anchors, self._candidates = anchors, candidates

    def __call__(self, anchor: Ints, candidate: Ints) -> Bools:
        same = np.bool_(True)
        for name in ("document", "head", "tail"):
            same = same & (getattr(self._anchors, name)[anchor] == getattr(self._candidates, name)[candidate])
        found: Bools = np.asarray(same, dtype=np.bool_)
        return found
