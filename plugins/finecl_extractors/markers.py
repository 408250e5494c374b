"""The sentence-level extractor: entity markers, and a linear layer on the states of the two start markers."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, InputFormat, LossSum, TextEncoder


class Markers(nn.Module):
    """[h_start(head); h_start(tail)] -> dropout -> Linear(2 H, R) (Soares et al. 2019, "entity markers - entity
    start"; Peng et al. 2020 fine-tune so). The release of FineCL means over the mention's tokens instead, and takes
    BERT's markers out of the text again (row 30 of docs/fidelity.md).

    ``loss``: "ce" lets the relations and no-relation compete, "bce" scores each on its own.

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    text: InputFormat = "marked-sentences"

    def __init__(
        self, encoder: TextEncoder, relations: int, *, dropout: float = 0.1, loss: Literal["ce", "bce"] = "ce"
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(2 * encoder.hidden_size, relations)
        self._competing = loss == "ce"

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[P, R]`` of the asked pairs."""
        entities_VH = self.encoder.entities(self.encoder(batch), batch)
        pairs = torch.cat([F.embedding(row_P, entities_VH) for row_P in (batch.head_P, batch.tail_P)], dim=1)
        logits: Tensor = self.classify(self.dropout(pairs))
        return logits

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """The loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Log-odds ``[P, R - 1]`` of the relations against no-relation: above 0, a relation is the likelier one."""
        return logits_PR[:, :-1] - logits_PR[:, -1:] if self._competing else logits_PR[:, :-1]
