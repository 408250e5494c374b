"""Entity discrimination: given a relation and a head entity in front of the text, find the tail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from finecl.types import BatchSampling, Generator, LossSum, Pairs, RowColumns, Unit

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EntityDiscrimination:
    """ERICA's L_ED: the head of a queried document is close to the tail, far from its other entities.

    ``other_tails``: entities that also stand in this relation to the head are left out ("ignore", as the authors
    say) or used as negatives ("negative", as their code does).
    ``count_tail_twice``: the released code lets the true tail stand among the negatives too, so the loss cannot
    fall below ln 2.
    """

    temperature: float = 0.05
    other_tails: Literal["ignore", "negative"] = "ignore"
    count_tail_twice: bool = False

    @property
    def anchors(self) -> Unit:
        """The queried heads: one a document."""
        return "query"

    @property
    def candidates(self) -> Unit:
        """The entities of the queried documents."""
        return "entity"

    @property
    def draw(self) -> BatchSampling:
        """Whole documents."""
        return "documents"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """The tail is positive; the other entities of the document are negative, but for the head."""
        same_AC = anchors.document[:, None] == candidates.document[None, :]
        is_tail_AC = same_AC & (anchors.tail[:, None] == candidates.head[None, :])
        is_head_AC = same_AC & (anchors.head[:, None] == candidates.head[None, :])
        negative_AC = same_AC & ~is_head_AC & (self.count_tail_twice | ~is_tail_AC)
        if self.other_tails == "ignore":
            also_tail_AC = (candidates.relation[None, :] == anchors.relation[:, None]) & ~is_tail_AC
            negative_AC &= ~also_tail_AC
        return Pairs.from_masks(is_tail_AC, negative_AC, None, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """InfoNCE, unweighted: FineCL leaves entity discrimination as ERICA has it."""
        from finecl.losses import weighted_info_nce

        one_A, one_C = (np.ones(len(table), dtype=np.float32) for table in (anchors, candidates))
        return weighted_info_nce(x_AH, y_CH, pairs, one_A, one_C, temperature=self.temperature)
