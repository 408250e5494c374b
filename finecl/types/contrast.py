"""What is contrasted and encoded: tables, pairs, losses, batches."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from finecl.types.basic import Bools, Floats, Generator, Ints, Uids
from finecl.types.negatives import Allowed, draw_negatives

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Table:
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
class Pairs:
    """Which candidates are positive and which negative for each anchor: candidate rows, padded with -1.

    ``terms`` is the number of terms that the objective's loss will sum. It is known before anything is encoded,
    so accumulated passes and ranks can be normalised exactly.

    *Shape:* ``positive_AP`` [A, P], ``negative_AK`` [A, K].
    """

    positive_AP: Ints
    negative_AK: Ints
    terms: int

    @classmethod
    def contrastive(cls, positive_AP: Ints, negative_AK: Ints) -> Pairs:
        """Pairs whose terms are the (anchor, positive) pairs of anchors that have at least one negative."""
        has_negative_A: Bools = np.any(negative_AK >= 0, axis=1)
        terms = int(((positive_AP >= 0) & has_negative_A[:, None]).sum())
        return cls(positive_AP=positive_AP, negative_AK=negative_AK, terms=terms)

    @classmethod
    def from_masks(cls, positive_AC: Bools, negative_AC: Bools, limit: int | None, generator: Generator) -> Pairs:
        """Contrastive pairs from masks, keeping at most ``limit`` negatives an anchor, drawn without replacement.

        *Shape:* ``positive_AC``, ``negative_AC`` [A, C].
        """
        count = positive_AC.shape[1]
        positive_AP = draw_negatives(
            np.arange(len(positive_AC)), count, None, lambda a, c: positive_AC[a, c], generator
        )
        negative_AK = draw_negatives(
            np.arange(len(negative_AC)), count, limit, lambda a, c: negative_AC[a, c], generator
        )
        return cls.contrastive(positive_AP, negative_AK)

    @classmethod
    def drawn(
        cls,
        positive_AP: Ints,
        candidates: int,
        limit: int | None,
        allowed: Allowed,
        generator: Generator,
    ) -> Pairs:
        """Contrastive pairs with at most ``limit`` negatives an anchor, drawn without replacement.

        ``allowed(anchor rows, candidate rows)``, two arrays that broadcast, says which candidates may be negatives of
        which anchors. It is never asked about all pairs at once when there are many, so groups of thousands of
        documents are as good as small ones. Anchors without a positive get no negatives.

        *Shape:* ``positive_AP`` [A, P].
        """
        paired = np.flatnonzero(np.any(positive_AP >= 0, axis=1))
        drawn = draw_negatives(paired, candidates, limit, allowed, generator)
        negative_AK = np.full((len(positive_AP), drawn.shape[1]), -1, dtype=np.int64)
        negative_AK[paired] = drawn
        return cls.contrastive(positive_AP, negative_AK)


@dataclass(frozen=True, kw_only=True)
class LossSum:
    """A loss summed over one rank's terms, and the number of those terms. Never a mean."""

    total: Tensor
    terms: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Documents packed into one row of tokens without padding, with their entities and asked pairs.

    Entities are given as a sparse matrix over tokens (CSR): entity ``v`` is the weighted sum of the tokens
    ``member_M[offset_V[v]:offset_V[v + 1]]``, the mean over its mentions of the mean over each mention's tokens
    (FineCL, eq. 4). ``head_P`` and ``tail_P`` are rows of entities.

    ``sentence_T`` is the number of each token's sentence within its document; special tokens belong to the one beside.

    *Shape:* ``input_ids``, ``position_ids`` [1, T]; ``sentence_T`` [T]; ``lengths`` D numbers that add up to T,
    ``entities`` D numbers that add up to V; ``member_M``, ``share_M`` [M]; ``offset_V`` (first member of each entity),
    ``start_V`` (its first token, counted from the start of its document) [V]; ``head_P``, ``tail_P`` [P].
    """

    input_ids: Tensor
    position_ids: Tensor
    lengths: tuple[int, ...]
    entities: tuple[int, ...]
    member_M: Tensor
    share_M: Tensor
    offset_V: Tensor
    start_V: Tensor
    head_P: Tensor
    tail_P: Tensor
    sentence_T: Tensor

    def to(self, device: str) -> Batch:
        """The same batch on another device."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {name: c.to(device, non_blocking=True) for name, c in columns.items() if not isinstance(c, tuple)}
        return replace(self, **tensors)
