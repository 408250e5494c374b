"""An extractor on the representation that relation contrast trains: head and tail, concatenated."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, Extractor, LossSum, TextEncoder
from finecl_extractors.heads import DISTANCES, NEAREST, Dropout, Width, distance_buckets


class Concat(nn.Module, Extractor):
    """A perceptron with one hidden layer on [head; tail; distance]: Linear -> GELU -> dropout -> Linear.

    [head; tail] is the relation representation of FineCL (eq. 4), which relation discrimination trains, so this head
    starts from what pre-training learned. ``bilinear`` projects each entity and learns their product anew.
    ``distance`` is the width of the embedding of the distance between head and tail.
    ``loss``: "ce" is a softmax over the relations and no-relation (FineCL, eq. 1), "bce" binary cross-entropy for each.

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        relations: int,
        *,
        hidden: Width = 256,
        distance: Width = 20,
        dropout: Dropout = 0.1,
        loss: Literal["ce", "bce"] = "ce",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.distance = nn.Embedding(DISTANCES, distance, padding_idx=NEAREST)
        self.hidden = nn.Linear(2 * encoder.hidden_size + distance, hidden)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(hidden, relations)
        self._competing = loss == "ce"

    def forward(self, batch: Batch) -> Tensor:
        """Computes logits ``[P, R]`` of the candidate pairs.

        The hidden layer is linear in each part of its input, so head and tail are projected once per entity.
        """
        entities_VH = self.encoder.entities(self.encoder(batch), batch)
        width = entities_VH.shape[1]
        weight = self.hidden.weight
        of_head, of_tail, of_distance = weight[:, :width], weight[:, width : 2 * width], weight[:, 2 * width :]
        bucket_P = NEAREST + distance_buckets(batch.start_V[batch.head_P] - batch.start_V[batch.tail_P])
        hidden_PK = (
            F.embedding(batch.head_P, entities_VH @ of_head.T)
            + F.embedding(batch.tail_P, entities_VH @ of_tail.T)
            + F.embedding(bucket_P, self.distance.weight @ of_distance.T)
            + self.hidden.bias
        )
        logits: Tensor = self.classify(self.dropout(F.gelu(hidden_PK)))
        return logits

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Computes the loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Computes probabilities ``[P, R - 1]`` of the relations."""
        return (logits_PR.softmax(dim=1) if self._competing else logits_PR.sigmoid())[:, :-1]
