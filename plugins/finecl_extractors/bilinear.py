"""The extractor of ERICA and FineCL (their ``REModel``): projected entities, their distance, a bilinear form."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, LossSum, TextEncoder
from finecl_extractors.heads import PairBilinear


class Bilinear(nn.Module):
    """Entity -> Linear(H, ``projection``), joined with a ``distance``-wide embedding of where the other one stands,
    then a bilinear form of head and tail.

    ERICA projects every token and means afterwards, which is the same: both are linear.
    ``loss``: "bce" scores each relation on its own (the release), "ce" lets them compete (the papers' text).

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        relations: int,
        *,
        projection: int = 128,
        distance: int = 20,
        loss: Literal["ce", "bce"] = "bce",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = nn.Linear(encoder.hidden_size, projection)
        self.pairs = PairBilinear(projection, relations, distance=distance)
        self._competing = loss == "ce"

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[P, R]`` of the asked pairs."""
        logits: Tensor = self.pairs(self.project(self.encoder.entities(self.encoder(batch), batch)), batch)
        return logits

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """The loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Probabilities ``[P, R - 1]`` of the relations."""
        return (logits_PR.softmax(dim=1) if self._competing else logits_PR.sigmoid())[:, :-1]
