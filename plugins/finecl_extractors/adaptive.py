"""ATLOP (Zhou et al., AAAI 2021): adaptive threshold per pair, and localised context pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.errors import SettingsError
from finecl.types import Batch, Extractor, LossSum, TextEncoder
from finecl_extractors.heads import Width, member_entities

_MASKED = -1e30
_CHUNK = 2048  # pairs whose block products are in memory at a time


class Adaptive(nn.Module, Extractor):
    """Log-sum-exp entities, localised context pooling, a grouped bilinear form and the adaptive threshold.

    An entity is the log-sum-exp over the tokens of its mentions (ATLOP uses a marker in front of each mention, which
    this input does not have). The context of a pair is the mean of the tokens, weighted by the attention of both
    entities in the last layer (eq. 5-7). The last logit, no-relation, is the threshold class (eq. 10-11).

    ``width``: width of the projected head and tail vectors. ``block``: group size of the bilinear form.

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    def __init__(self, encoder: TextEncoder, relations: int, *, width: Width = 256, block: Width = 64) -> None:
        super().__init__()
        self.encoder = encoder
        if block < 1 or width < block or width % block:
            raise SettingsError(f"extractor.width: expected a multiple of extractor.block = {block}, got {width}")
        self._block, self._groups = block, width // block
        self.head = nn.Linear(2 * encoder.hidden_size, width)
        self.tail = nn.Linear(2 * encoder.hidden_size, width)
        self.bilinear = nn.Linear(width * block, relations)

    def forward(self, batch: Batch) -> Tensor:
        """Computes logits ``[P, R]`` of the candidate pairs."""
        states_TH, attention = self._read(batch)
        entity_VH = _log_sum_exp(states_TH, batch)
        context_PH = _contexts(states_TH, attention, batch)
        head_PH, tail_PH = (F.embedding(row_P, entity_VH) for row_P in (batch.head_P, batch.tail_P))
        parts = zip(*(torch.split(x, _CHUNK) for x in (head_PH, tail_PH, context_PH)), strict=True)
        return torch.cat([self._classify(*part) for part in parts])

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Computes the adaptive-threshold loss summed over pairs (eq. 10 and 11): each relation of a pair against the
        threshold, and the threshold against the relations that the pair does not have.
        """
        logits, labels = logits_PR.float(), labels_PR.bool().clone()
        labels[:, -1] = False
        is_threshold = torch.zeros_like(labels)
        is_threshold[:, -1] = True
        positive = logits.masked_fill(~(labels | is_threshold), _MASKED).log_softmax(dim=1)
        negative = logits.masked_fill(labels, _MASKED).log_softmax(dim=1)
        total = -(positive * labels).sum() - negative[:, -1].sum()
        return LossSum(total=total, terms=len(logits_PR))

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Computes logits ``[P, R - 1]`` minus the pair's threshold; a relation is predicted above 0."""
        return logits_PR[:, :-1] - logits_PR[:, -1:]

    def _read(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns states, and the attention of each document's entities to its tokens in the last layer
        ``[heads, V, L]``.
        """
        last = self.encoder.attention_shape[0] - 1
        members, owner, share = _by_document(batch)
        attention: list[Tensor] = []

        def record(layer: int, document: int, q: Tensor, k: Tensor) -> None:
            if layer == last:
                scores = torch.bmm(q[:, members[document]].float(), k.float().transpose(1, 2))
                weights = (scores * q.shape[-1] ** -0.5).softmax(dim=-1) * share[document][None, :, None]
                entities = weights.new_zeros(len(q), batch.entities[document], k.shape[1])
                attention.append(entities.index_add(1, owner[document], weights))

        states_TH = self.encoder.with_attention_bias(batch, record)
        return states_TH.float(), attention[-len(batch.lengths) :]

    def _classify(self, head_PH: Tensor, tail_PH: Tensor, context_PH: Tensor) -> Tensor:
        head = torch.tanh(self.head(torch.cat([head_PH, context_PH], dim=1)))
        tail = torch.tanh(self.tail(torch.cat([tail_PH, context_PH], dim=1)))
        head, tail = (x.view(len(x), self._groups, self._block) for x in (head, tail))
        logits: Tensor = self.bilinear((head[:, :, :, None] * tail[:, :, None, :]).flatten(1))
        return logits


def _log_sum_exp(states_TH: Tensor, batch: Batch) -> Tensor:
    """Computes entities ``[V, H]`` (eq. 3)."""
    owner = member_entities(batch)[:, None].expand(-1, states_TH.shape[1])
    member_MH = F.embedding(batch.member_M, states_TH)
    size = (len(batch.offset_V), states_TH.shape[1])
    max_VH = member_MH.new_full(size, _MASKED).scatter_reduce(0, owner, member_MH.detach(), "amax")
    sums_VH = member_MH.new_zeros(size).scatter_add(0, owner, torch.exp(member_MH - max_VH.gather(0, owner)))
    return sums_VH.clamp_min(1e-30).log() + max_VH


def _by_document(batch: Batch) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Returns, per document, its member tokens, their entities (both numbered within the document) and their shares."""
    lengths = torch.tensor(batch.lengths, device=batch.member_M.device)
    counts = torch.tensor(batch.entities, device=batch.member_M.device)
    first_T, first_V = lengths.cumsum(0) - lengths, counts.cumsum(0) - counts
    document_V = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    owner = member_entities(batch)
    document_M = document_V[owner]
    sizes = torch.bincount(document_M, minlength=len(counts)).tolist()
    columns = batch.member_M - first_T[document_M], owner - first_V[document_M], batch.share_M
    tokens, owners, shares = (list(torch.split(column, sizes)) for column in columns)
    return tokens, owners, shares


def _contexts(states_TH: Tensor, attention: list[Tensor], batch: Batch) -> Tensor:
    """Computes the context ``[P, H]`` of each pair: tokens weighted by the product of both entities' attention, summed
    over heads.
    """
    counts = torch.tensor(batch.entities, device=batch.head_P.device)
    first_V = counts.cumsum(0) - counts
    document_P = torch.bucketize(batch.head_P, counts.cumsum(0), right=True)
    context_PH = states_TH.new_zeros(len(batch.head_P), states_TH.shape[1])
    for number, (states, weights) in enumerate(
        zip(torch.split(states_TH, list(batch.lengths)), attention, strict=True)
    ):
        rows = (document_P == number).nonzero()[:, 0]
        for chunk in torch.split(rows, _CHUNK):
            head, tail = (weights[:, column[chunk] - first_V[number]] for column in (batch.head_P, batch.tail_P))
            shared = (head * tail).sum(dim=0)
            shared = shared / shared.sum(dim=1, keepdim=True).clamp_min(1e-30)
            context_PH = context_PH.index_add(0, chunk, F.linear(shared, states.T))
    return context_PH
