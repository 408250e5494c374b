"""The rows that an objective contrasts, and a loss as a sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from finecl.types.arrays import Floats, Ints, Uids

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class RowColumns:
    """The rows of one unit in one step: integer columns and weights, all of the same length.

    ``document`` numbers the documents of the step; ``head`` and ``tail`` are entities of that document;
    ``relation`` is ``NO_RELATION`` and ``uid`` is 0 for a pair without a label.
    Unit "pair": a row is one labelled instance, or one pair without a label. Unit "query": a row is the instance
    with the head and relation of the document's query. Unit "entity": a row is one entity of a queried document, in
    ``head``; ``tail`` is -1, and ``relation`` is the queried relation if the labels make this entity a tail of it.
    ``head_key`` and ``tail_key`` identify an entity across documents: by its id in the knowledge graph, else by its
    lower-case name. They are 0 if no objective of the run samples "entity-pairs".
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
    """A loss summed over the terms of one rank, and the number of these terms. Never a mean."""

    total: Tensor
    terms: int
