"""Rows that an objective contrasts, and the sum form of a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finecl.types.arrays import Floats, Ints, Uids

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RowColumns:
    """Integer columns of the rows of one view in one step, and their weights; every column has the same length.

    ``document`` numbers the documents of the step; ``head`` and ``tail`` are entities of that document;
    ``relation`` is ``NO_RELATION`` for a pair without a label; ``uid`` is 0 where there is no label.
    View "pair": a row is one labelled instance, or one pair without a label. View "query": a row is the instance
    that a queried document asks for. View "entity": a row is one entity of a queried document, in ``head``;
    ``tail`` is -1, and ``relation`` is the queried relation if the labels make this entity a tail of the query.
    ``head_key`` and ``tail_key`` are the same number wherever the same entity stands: by its id in the knowledge graph,
    else by its name in small letters. They are 0 where no objective that draws "entity-pairs" has asked for them.
    """

    uid: Uids
    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    weight: Floats
    head_key: Ints
    tail_key: Ints

    def __len__(self) -> int:
        return len(self.document)


@dataclass(frozen=True, kw_only=True)
class LossSum:
    """A loss summed over one rank's terms, and the number of those terms. Never a mean."""

    total: Tensor
    terms: int
