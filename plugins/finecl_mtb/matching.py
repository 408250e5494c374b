"""Matching the blanks: two sentences match if they mention the same entity pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from finecl.types import (
    BatchSampling,
    Generator,
    Ints,
    LossSum,
    Objective,
    Pairs,
    RowColumns,
    padded,
    same_key,
    sharing_one,
)

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Matching(Objective):
    """Binary cross-entropy on the inner product of two sentences' vectors (Soares et al. 2019, section 4.1):

        sum over matching pairs of -log sigmoid(x . y), plus sum over others of -log sigmoid(-x . y)

    Without normalisation and temperature, as in Peng et al.'s release. Each unordered pair of sentences counts once,
    with the weight of its first sentence.

    ``negatives``: "hard" pairs share exactly one entity; "uniform" pairs are any two sentences of different entity
    pairs.
    ``ratio``: negatives per positive, if enough exist.
    """

    sampling: ClassVar[BatchSampling] = "entity-pairs"

    negatives: Literal["hard", "uniform"] = "hard"
    ratio: Annotated[float, Ge(0)] = 1.0

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Selects each unordered pair of rows once; the row with the smaller number is the anchor."""
        row, head, tail = _sentences(anchors)
        _, pair = np.unique(np.stack([head, tail]), axis=1, return_inverse=True)
        same = same_key(pair.ravel(), pair.ravel())
        first, column = np.nonzero(same > np.arange(len(row))[:, None])
        second = same[first, column]
        count = round(self.ratio * len(first))
        sample = sharing_one if self.negatives == "hard" else _different
        one, other = sample(head, tail, count, generator)
        return Pairs(
            positive_AP=padded(row[first], row[second], len(anchors)),
            negative_AK=padded(row[one], row[other], len(anchors)),
            terms=len(first) + len(one),
        )

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Computes binary cross-entropy summed over positive and negative pairs."""
        import torch
        from torch.nn import functional as F

        from finecl.losses import products

        with torch.autocast(x_AH.device.type, enabled=False):
            x_AH, y_CH = x_AH.float(), y_CH.float()
            weight_A = torch.from_numpy(anchors.weight).to(x_AH.device, torch.float32)
            total = (x_AH.sum() + y_CH.sum()) * 0.0
            for rows, sign in ((pairs.positive_AP, 1.0), (pairs.negative_AK, -1.0)):
                row_AK = torch.from_numpy(np.ascontiguousarray(rows)).to(x_AH.device)
                (product_AK,) = products(x_AH, y_CH, row_AK.clamp_min(0))
                term_AK = F.softplus(-sign * product_AK) * (row_AK >= 0)
                total = total + (term_AK * weight_A[:, None]).sum()
        return LossSum(total=total, terms=pairs.terms)


def _sentences(table: RowColumns) -> tuple[Ints, Ints, Ints]:
    """Returns the first row of each entity pair whose entities have keys, per document, and its head and tail keys."""
    known = np.flatnonzero((table.head_key != 0) & (table.tail_key != 0))
    pair = np.stack([table.document[known], table.head[known], table.tail[known]])
    _, first = np.unique(pair, axis=1, return_index=True)
    row = known[np.sort(first)]
    return row, table.head_key[row], table.tail_key[row]


def _different(head: Ints, tail: Ints, count: int, generator: Generator) -> tuple[Ints, Ints]:
    """Samples at most ``count`` distinct pairs of rows with different entity pairs."""
    if len(head) < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    sampled = np.sort(generator.integers(0, len(head), (2 * count + 16, 2)), axis=1)
    one, other = sampled[:, 0], sampled[:, 1]
    distinct = np.unique(sampled[(head[one] != head[other]) | (tail[one] != tail[other])], axis=0)
    chosen = distinct[generator.permutation(len(distinct))[:count]]
    return chosen[:, 0], chosen[:, 1]
