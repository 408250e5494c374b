"""Relation discrimination: pairs of one relation close together, pairs of other relations apart."""

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

    Within a contrast group the instances of each relation are shuffled and paired; each of the two is the other's
    one positive, an odd one left over is a negative only, and so are pairs without a relation. Two rows of one
    document that share their head or their tail are neither positive nor negative (released code): neither is a
    pair compared with itself, nor with a pair that carries the anchor's relation among its labels.

    ``negatives``: at most so many a anchor, drawn without replacement; None takes all.
    """

    temperature: float = 0.05
    negatives: int | None = 64

    @property
    def anchors(self) -> Unit:
        """Labelled pairs."""
        return "pair"

    @property
    def candidates(self) -> Unit:
        """Labelled pairs and pairs without a relation."""
        return "pair"

    @property
    def draw(self) -> BatchSampling:
        """Whole documents."""
        return "documents"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """One positive an anchor at most, and up to ``negatives`` negatives."""
        mate_A = _mates(anchors.relation, generator)
        related, carries = _Related(anchors, candidates), _Carries(anchors, candidates)
        mate_A = np.where((mate_A >= 0) & ~related(np.arange(len(mate_A)), mate_A), mate_A, -1)

        def allowed(anchor: Ints, candidate: Ints) -> Bools:
            return ~related(anchor, candidate) & ~carries(anchor, candidate)

        return Pairs.drawn(mate_A[:, None], len(candidates), self.negatives, allowed, generator)

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
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


class _Related:
    """Whether rows of one document share their head or their tail; that holds for a row and itself."""

    def __init__(self, anchors: RowColumns, candidates: RowColumns) -> None:
        self._anchors, self._candidates = (
            tuple((table.document << 20) | entity for entity in (table.head, table.tail))
            for table in (anchors, candidates)
        )

    def __call__(self, anchor: Ints, candidate: Ints) -> Bools:
        (head_A, tail_A), (head_C, tail_C) = self._anchors, self._candidates
        found: Bools = (head_A[anchor] == head_C[candidate]) | (tail_A[anchor] == tail_C[candidate])
        return found


class _Carries:
    """Whether a candidate's pair carries the anchor's relation, under whichever of its labels."""

    def __init__(self, anchors: RowColumns, candidates: RowColumns) -> None:
        pair = np.stack([candidates.document, candidates.head, candidates.tail])
        _, pair_C = np.unique(pair, axis=1, return_inverse=True)
        codes, relation_C = np.unique(candidates.relation, return_inverse=True)
        self._carried = np.zeros((pair_C.max(initial=-1) + 1, len(codes)), dtype=np.bool_)
        self._carried[pair_C.ravel(), relation_C] = True
        self._pair_C = pair_C.ravel()
        self._column_A = np.minimum(np.searchsorted(codes, anchors.relation), len(codes) - 1)
        self._known_A = codes[self._column_A] == anchors.relation

    def __call__(self, anchor: Ints, candidate: Ints) -> Bools:
        found: Bools = self._carried[self._pair_C[candidate], self._column_A[anchor]] & self._known_A[anchor]
        return found
