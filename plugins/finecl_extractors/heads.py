"""Layers shared by extractors: distance embeddings, a factored bilinear form of entity pairs, and entity pooling."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.types import Batch

Width = Annotated[int, Ge(1)]
"""Width of a layer."""
Dropout = Annotated[float, Interval(ge=0, lt=1)]
"""Share of the values that dropout sets to zero."""

_BUCKET_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # |distance| in sub-words: 0; 1; 2-3; 4-7; ...; >= 256
NEAREST = 10  # bucket of distance 0; its embedding is fixed at zero, as in the release of ERICA
DISTANCES = 2 * NEAREST


class PairBilinear(nn.Module):
    """Bilinear form of entity vectors, each concatenated with a ``distance``-wide embedding of the pair's distance.

    *Shape:* entities [V, ``width``]; logits [P, ``relations``].
    """

    def __init__(self, width: int, relations: int, *, distance: int = 20) -> None:
        super().__init__()
        self.distance = nn.Embedding(DISTANCES, distance, padding_idx=NEAREST)
        self.bilinear = nn.Bilinear(width + distance, width + distance, relations)

    def forward(self, entities_VI: Tensor, batch: Batch) -> Tensor:
        """Computes logits ``[P, R]`` of the candidate pairs.

        The form is linear in both sides, so it splits into the terms entity-entity, entity-distance and
        distance-distance. Terms of one entity are computed once per entity, not once per pair as in ``nn.Bilinear``,
        whose backward pass also loops over relations.
        """
        bucket_P = distance_buckets(batch.start_V[batch.head_P] - batch.start_V[batch.tail_P])
        of_head_P, of_tail_P = NEAREST + bucket_P, NEAREST - bucket_P
        width = entities_VI.shape[1]
        form_RII, form_RID = self.bilinear.weight[:, :width, :width], self.bilinear.weight[:, :width, width:]
        form_RDI, form_RDD = self.bilinear.weight[:, width:, :width], self.bilinear.weight[:, width:, width:]
        near_BD = self.distance(torch.arange(DISTANCES, device=of_head_P.device))
        head_VBR = torch.einsum("vi,rid,bd->vbr", entities_VI, form_RID, near_BD)
        tail_VBR = torch.einsum("vi,rdi,bd->vbr", entities_VI, form_RDI, near_BD)
        both_BR = torch.einsum("bd,rde,be->br", near_BD, form_RDD, near_BD.flip(0).roll(1, 0))
        return (
            _entity_pairs(entities_VI, form_RII, batch)
            + _look_up(head_VBR, batch.head_P, of_tail_P)
            + _look_up(tail_VBR, batch.tail_P, of_head_P)
            + F.embedding(of_head_P, both_BR)
            + self.bilinear.bias
        )


def _entity_pairs(entities_VI: Tensor, form_RII: Tensor, batch: Batch) -> Tensor:
    """Computes the form of head and tail ``[P, R]``: of all pairs of each document, then selects the candidates."""
    half_VIR = torch.einsum("vi,rij->vjr", entities_VI, form_RII)
    counts = list(batch.entities)
    if len(counts) == 1:  # no split needed; this branch can be exported with any number of entities
        pairs = torch.matmul(entities_VI, half_VIR).flatten(0, 1)
        return F.embedding(batch.head_P * entities_VI.shape[0] + batch.tail_P, pairs)
    documents = zip(torch.split(entities_VI, counts), torch.split(half_VIR, counts), strict=True)
    all_pairs = [torch.matmul(tails, halves).flatten(0, 1) for tails, halves in documents]
    count_D = torch.tensor(counts, device=entities_VI.device)
    count_V, first_V = (
        torch.repeat_interleave(each, count_D, output_size=len(entities_VI))
        for each in (count_D, count_D.cumsum(0) - count_D)
    )
    begins_V = count_V.cumsum(0) - count_V  # the first row of the pairs whose head is this entity
    return F.embedding(begins_V[batch.head_P] + batch.tail_P - first_V[batch.tail_P], torch.cat(all_pairs))


def _look_up(table_VBR: Tensor, entity_P: Tensor, bucket_P: Tensor) -> Tensor:
    """Returns the rows ``[P, R]`` of these entities and distance buckets."""
    return F.embedding(entity_P * table_VBR.shape[1] + bucket_P, table_VBR.flatten(0, 1))


def distance_buckets(distance_P: Tensor) -> Tensor:
    """Maps distances in sub-words to signed power-of-two buckets, -9 to 9."""
    edges = torch.tensor(_BUCKET_EDGES, device=distance_P.device)
    return torch.bucketize(distance_P.abs(), edges, right=True) * distance_P.sign()


def member_entities(batch: Batch) -> Tensor:
    """Returns the entity row of each member token ``[M]``."""
    ends = torch.cat([batch.offset_V[1:], batch.offset_V.new_tensor([len(batch.member_M)])])
    rows = torch.arange(len(batch.offset_V), device=batch.offset_V.device)
    return torch.repeat_interleave(rows, ends - batch.offset_V, output_size=len(batch.member_M))


def mean_entities(states_TH: Tensor, batch: Batch) -> Tensor:
    """Computes entities ``[V, H]``: the mean over mentions of the mean over their tokens, from any token states."""
    return F.embedding_bag(
        batch.member_M, states_TH.float(), batch.offset_V, mode="sum", per_sample_weights=batch.share_M
    )
