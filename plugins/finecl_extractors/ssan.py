"""SSAN (Xu et al., AAAI 2021): attention biased by whether tokens share an entity and a sentence, in each layer."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, Extractor, LossSum, TextEncoder
from finecl_extractors.heads import Dropout, PairBilinear, Width, member_entities

NONE = -1
STRUCTURES = ("intra+coref", "intra+relate", "intraNE", "inter+coref", "inter+relate")
"""Structures of a token pair whose first token is of an entity: same sentence (intra) or not; the second token of the
same entity (coref), another (relate) or none (NE)."""


class SSAN(nn.Module, Extractor):
    """The encoder with entity structure in each layer; projected entities, their distance and a bilinear form.

    ``structure``: "biaffine" adds q_i' A_t k_j + b_t to the score of tokens i and j in structure t, "decomposed" adds
    q_i . u_t + v_t . k_j + b_t, before the division by the square root of the head's width (section 3). An entity is
    the mean over all its tokens after a linear layer and ReLU. The release first averages the loss within each
    document; here all pairs have equal weight. The release's embeddings of entity types and mentions are omitted.

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    def __init__(
        self, encoder: TextEncoder, relations: int, *, structure: Literal["biaffine", "decomposed"] = "biaffine",
        projection: Width = 128, distance: Width = 20, dropout: Dropout = 0.1, loss: Literal["ce", "bce"] = "bce",
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder = encoder
        layers, heads, width = encoder.attention_shape
        kind = Biaffine if structure == "biaffine" else Decomposed
        self.layers = nn.ModuleList(kind(heads, width) for _ in range(layers))
        self.project = nn.Linear(encoder.hidden_size, projection)
        self.dropout = nn.Dropout(dropout)
        self.pairs = PairBilinear(projection, relations, distance=distance)
        self._competing = loss == "ce"

    def forward(self, batch: Batch) -> Tensor:
        """Computes logits ``[P, R]`` of the candidate pairs."""
        structures = structures_of(batch)

        def bias(layer: int, document: int, q: Tensor, k: Tensor) -> Tensor:
            scores: Tensor = self.layers[layer](q, k, structures[document])
            return scores

        states_TH = self.encoder.with_attention_bias(batch, bias)
        entities_VI = token_means(torch.relu(self.project(states_TH.float())), batch)
        logits: Tensor = self.pairs(self.dropout(entities_VI), batch)
        return logits

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Computes the loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Computes probabilities ``[P, R - 1]`` of the relations."""
        return (logits_PR.softmax(dim=1) if self._competing else logits_PR.sigmoid())[:, :-1]


class Biaffine(nn.Module):
    """Attention bias with a matrix ``[heads, width, width]`` and a scalar per head, for each structure."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.empty(len(STRUCTURES), heads, width, width))
        self.bias = nn.Parameter(torch.zeros(len(STRUCTURES), heads))
        for matrices in self.matrix:
            for matrix in matrices:
                nn.init.xavier_uniform_(matrix.data)

    def forward(self, q: Tensor, k: Tensor, structure_LL: Tensor) -> Tensor:
        """Computes the bias of the attention scores ``[heads, L, L]``."""
        bias = q.new_zeros(len(q), *structure_LL.shape)
        for number in range(len(STRUCTURES)):
            term = torch.bmm(torch.bmm(q, self.matrix[number].to(q.dtype)), k.transpose(1, 2))
            term = term + self.bias[number].to(q.dtype)[:, None, None]
            bias = bias + term * (structure_LL == number)
        return bias


class Decomposed(nn.Module):
    """Attention bias with two vectors ``[heads, width]`` and a scalar per head, for each structure."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.of_query = nn.Parameter(nn.init.xavier_uniform_(torch.empty(len(STRUCTURES), heads, width)))
        self.of_key = nn.Parameter(nn.init.xavier_uniform_(torch.empty(len(STRUCTURES), heads, width)))
        self.bias = nn.Parameter(torch.zeros(len(STRUCTURES), heads))

    def forward(self, q: Tensor, k: Tensor, structure_LL: Tensor) -> Tensor:
        """Computes the bias of the attention scores ``[heads, L, L]``."""
        bias = q.new_zeros(len(q), *structure_LL.shape)
        for number in range(len(STRUCTURES)):
            left = torch.einsum("hld,hd->hl", q, self.of_query[number].to(q.dtype))
            right = torch.einsum("hld,hd->hl", k, self.of_key[number].to(k.dtype))
            term = left[:, :, None] + right[:, None, :] + self.bias[number].to(q.dtype)[:, None, None]
            bias = bias + term * (structure_LL == number)
        return bias


def structures_of(batch: Batch) -> list[Tensor]:
    """Returns, per document, the structure of each token pair ``[L, L]``: an index into ``STRUCTURES``, or ``NONE``.

    Only rows of entity tokens have structures. A token of several entities belongs to the last one, as in the release.
    """
    owner = member_entities(batch)
    entity_T = torch.full((len(batch.sentence_T),), NONE, device=owner.device)
    entity_T = entity_T.scatter_reduce(0, batch.member_M, owner, "amax")
    structures = []
    for entity, sentence in zip(
        *(torch.split(column, list(batch.lengths)) for column in (entity_T, batch.sentence_T)), strict=True
    ):
        same_sentence = sentence[:, None] == sentence[None, :]
        coref = entity[:, None] == entity[None, :]
        other_is_entity = (entity != NONE)[None, :].expand_as(coref)
        structure = torch.where(same_sentence, torch.where(coref, 0, 1), torch.where(coref, 3, 4))
        structure = torch.where(other_is_entity, structure, torch.where(same_sentence, 2, NONE))
        structures.append(torch.where((entity != NONE)[:, None], structure, NONE))
    return structures


def token_means(states_TH: Tensor, batch: Batch) -> Tensor:
    """Computes entities ``[V, H]``: the mean over all tokens of all their mentions."""
    owner = member_entities(batch)
    member_MH = F.embedding(batch.member_M, states_TH)
    sums = states_TH.new_zeros(len(batch.offset_V), states_TH.shape[1]).index_add(0, owner, member_MH)
    count = torch.bincount(owner, minlength=len(batch.offset_V)).clamp_min(1)
    return sums / count[:, None]
