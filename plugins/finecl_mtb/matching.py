"""Matching the blanks: two sentences match if they mention the same entity pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from finecl.types import BatchSampling, Generator, Ints, LossSum, Pairs, RowColumns, Unit, padded, same_key, sharing_one

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Binary cross-entropy on the inner product of two sentences' vectors (Soares et al. 2019, section 4.1):

        sum over matching pairs of -log sigmoid(x . y), plus sum over others of -log sigmoid(-x . y)

    The vectors are not normalised and there is no temperature, as in Peng et al.'s release. A pair counts once, each
    of the two terms with the weight of its first sentence.

    ``negatives``: "hard" pairs share exactly one entity; "uniform" ones are any two sentences of different pairs.
    ``ratio``: negatives for each positive, as far as there are so many.
    """

    negatives: Literal["hard", "uniform"] = "hard"
    ratio: float = 1.0

    @property
    def anchors(self) -> Unit:
        """Entity pairs, labelled or not."""
        return "pair"

    @property
    def candidates(self) -> Unit:
        """The same rows."""
        return "pair"

    @property
    def draw(self) -> BatchSampling:
        """Two sentences of one entity pair at a time, and as many that share one entity."""
        return "entity-pairs"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Each unordered pair of rows stands once, with its lesser row as the anchor."""
        row, head, tail = _sentences(anchors)
        _, pair = np.unique(np.stack([head, tail]), axis=1, return_inverse=True)
        same = same_key(pair.ravel(), pair.ravel())
        first, place = np.nonzero(same > np.arange(len(row))[:, None])
        second = same[first, place]
        wanted = round(self.ratio * len(first))
        draw = sharing_one if self.negatives == "hard" else _different
        one, other = draw(head, tail, wanted, generator)
        return Pairs(
            positive_AP=padded(row[first], row[second], len(anchors)),
            negative_AK=padded(row[one], row[other], len(anchors)),
            terms=len(first) + len(one),
        )

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Binary cross-entropy, summed over positive and negative pairs."""
        import torch
        from torch.nn import functional as F

        from finecl.losses import products

        with torch.autocast(x_AH.device.type, enabled=False):
            x_AH, y_CH = x_AH.float(), y_CH.float()
            weight_A = torch.from_numpy(anchors.weight).to(x_AH.device, torch.float32)
            total = (x_AH.sum() + y_CH.sum()) * 0.0
            for rows, sign in ((pairs.positive_AP, 1.0), (pairs.negative_AK, -1.0)):
                there = torch.from_numpy(np.ascontiguousarray(rows)).to(x_AH.device)
                (product_AK,) = products(x_AH, y_CH, there.clamp_min(0))
                term_AK = F.softplus(-sign * product_AK) * (there >= 0)
                total = total + (term_AK * weight_A[:, None]).sum()
        return LossSum(total=total, terms=pairs.terms)


def _sentences(table: RowColumns) -> tuple[Ints, Ints, Ints]:
    """The first row of each entity pair of each document whose entities are known, and the keys of both."""
    known = np.flatnonzero((table.head_key != 0) & (table.tail_key != 0))
    place = np.stack([table.document[known], table.head[known], table.tail[known]])
    _, first = np.unique(place, axis=1, return_index=True)
    row = known[np.sort(first)]
    return row, table.head_key[row], table.tail_key[row]


def _different(head: Ints, tail: Ints, count: int, generator: Generator) -> tuple[Ints, Ints]:
    """At most ``count`` different pairs of rows that do not stand for the same entity pair."""
    if len(head) < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    drawn = np.sort(generator.integers(0, len(head), (2 * count + 16, 2)), axis=1)
    one, other = drawn[:, 0], drawn[:, 1]
    kept = np.unique(drawn[(head[one] != head[other]) | (tail[one] != tail[other])], axis=0)
    chosen = kept[generator.permutation(len(kept))[:count]]
    return chosen[:, 0], chosen[:, 1]
