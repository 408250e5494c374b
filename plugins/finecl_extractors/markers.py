"""The sentence-level extractor: a linear layer on the states of the two entity start markers."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, Extractor, InputFormat, LossSum, TextEncoder
from finecl_extractors.heads import Dropout


class Markers(nn.Module, Extractor):
    """[h_start(head); h_start(tail)] -> dropout -> Linear(2 H, R).

    "Entity markers - entity start" of Soares et al. 2019; Peng et al. 2020 fine-tune this way. The release of FineCL
    averages the mention's tokens instead, and removes BERT's markers from the text (row 30 of docs/fidelity.md).

    ``loss``: "ce" is a softmax over the relations and no-relation, "bce" binary cross-entropy for each.

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    input_format: ClassVar[InputFormat] = "marked-sentences"

    def __init__(
        self, encoder: TextEncoder, relations: int, *, dropout: Dropout = 0.1, loss: Literal["ce", "bce"] = "ce"
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(2 * encoder.hidden_size, relations)
        self._competing = loss == "ce"

    def forward(self, batch: Batch) -> Tensor:
        """Computes logits ``[P, R]`` of the candidate pairs."""
        entities_VH = self.encoder.entities(self.encoder(batch), batch)
        pairs = torch.cat([F.embedding(row_P, entities_VH) for row_P in (batch.head_P, batch.tail_P)], dim=1)
        logits: Tensor = self.classify(self.dropout(pairs))
        return logits

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Computes the loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Computes log-odds ``[P, R - 1]`` of relations against no-relation; above 0, the relation is likelier."""
        return logits_PR[:, :-1] - logits_PR[:, -1:] if self._competing else logits_PR[:, :-1]
