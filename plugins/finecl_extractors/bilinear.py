"""The extractor of ERICA and FineCL (their ``REModel``): projected entities, their distance, a bilinear form."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, Extractor, LossSum, TextEncoder
from finecl_extractors.heads import PairBilinear, Width


class Bilinear(nn.Module, Extractor):
    """Projected entities with an embedding of their distance, and a bilinear form of head and tail.

    Entity -> Linear(H, ``projection``), concatenated with a ``distance``-wide embedding of the distance to the other
    entity, then ``nn.Bilinear``.

    ERICA projects each token before averaging, which is equivalent: both are linear.
    ``loss``: "bce" is binary cross-entropy per relation (the release), "ce" softmax over relations (the papers' text).

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        relations: int,
        *,
        projection: Width = 128,
        distance: Width = 20,
        loss: Literal["ce", "bce"] = "bce",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = nn.Linear(encoder.hidden_size, projection)
        self.pairs = PairBilinear(projection, relations, distance=distance)
        self._competing = loss == "ce"

    def forward(self, batch: Batch) -> Tensor:
        """Computes logits ``[P, R]`` of the candidate pairs."""
        logits: Tensor = self.pairs(self.project(self.encoder.entities(self.encoder(batch), batch)), batch)
        return logits

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Computes the loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Computes probabilities ``[P, R - 1]`` of the relations."""
        return (logits_PR.softmax(dim=1) if self._competing else logits_PR.sigmoid())[:, :-1]
