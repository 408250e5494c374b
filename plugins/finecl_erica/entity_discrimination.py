"""Entity discrimination: find the tail for a query (relation and head entity) prepended to the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt

from finecl.types import Generator, LossSum, Objective, Pairs, RowColumns, Unit

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EntityDiscrimination(Objective):
    """ERICA's L_ED: pulls the queried head towards its tail, away from the document's other entities.

    ``other_tails``: entities that also have this relation with the head are excluded ("ignore", as in the paper) or
    used as negatives ("negative", as in the released code).
    ``count_tail_twice``: counts the true tail among the negatives too, as the released code does; the loss is then at
    least ln 2.
    """

    anchors: ClassVar[Unit] = "query"
    candidates: ClassVar[Unit] = "entity"

    temperature: Annotated[float, Gt(0)] = 0.05
    other_tails: Literal["ignore", "negative"] = "ignore"
    count_tail_twice: bool = False

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Selects the tail as positive and the document's other entities except the head as negatives."""
        same_AC = anchors.document[:, None] == candidates.document[None, :]
        is_tail_AC = same_AC & (anchors.tail[:, None] == candidates.head[None, :])
        is_head_AC = same_AC & (anchors.head[:, None] == candidates.head[None, :])
        negative_AC = same_AC & ~is_head_AC & (self.count_tail_twice | ~is_tail_AC)
        if self.other_tails == "ignore":
            also_tail_AC = (candidates.relation[None, :] == anchors.relation[:, None]) & ~is_tail_AC
            negative_AC &= ~also_tail_AC
        return Pairs.from_masks(is_tail_AC, negative_AC, None, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Computes unweighted InfoNCE: FineCL adopts ERICA's entity discrimination without weights."""
        from finecl.losses import weighted_info_nce

        one_A, one_C = (np.ones(len(table), dtype=np.float32) for table in (anchors, candidates))
        return weighted_info_nce(x_AH, y_CH, pairs, one_A, one_C, temperature=self.temperature)
