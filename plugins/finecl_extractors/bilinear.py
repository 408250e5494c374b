"""The extractor of ERICA and FineCL (their ``REModel``): projected entities, their distance, a bilinear form."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, LossSum, TextEncoder

_BUCKET_EDGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)  # |distance| in sub-words: 0; 1; 2-3; 4-7; ...; >= 256
_PAIRS = 1024  # so many at once: bounds the memory of asking about every pair
_NEAREST = 10  # bucket of distance 0; its embedding is fixed at zero, as in the release


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
        self.distance = nn.Embedding(2 * _NEAREST, distance, padding_idx=_NEAREST)
        self.bilinear = nn.Bilinear(projection + distance, projection + distance, relations)
        self._competing = loss == "ce"

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[P, R]`` of the asked pairs."""
        entities_VH = self.project(self.encoder.entities(self.encoder(batch), batch))
        bucket_P = distance_buckets(batch.start_V[batch.head_P] - batch.start_V[batch.tail_P])
        head = torch.cat([entities_VH[batch.head_P], self.distance(_NEAREST + bucket_P)], dim=1)
        tail = torch.cat([entities_VH[batch.tail_P], self.distance(_NEAREST - bucket_P)], dim=1)
        return self._bilinear(head, tail)

    def _bilinear(self, head: Tensor, tail: Tensor) -> Tensor:
        """What ``nn.Bilinear`` computes, as matrix products: its own backward pass loops over relations."""
        parts = [
            torch.einsum("pi,rij,pj->pr", h, self.bilinear.weight, t)
            for h, t in zip(torch.split(head, _PAIRS), torch.split(tail, _PAIRS), strict=True)
        ]
        return torch.cat(parts) + self.bilinear.bias

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """The loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Probabilities ``[P, R - 1]`` of the relations."""
        return (logits_PR.softmax(dim=1) if self._competing else logits_PR.sigmoid())[:, :-1]


def distance_buckets(distance_P: Tensor) -> Tensor:
    """Signed power-of-two buckets -9 .. 9 of distances in sub-words."""
    edges = torch.tensor(_BUCKET_EDGES, device=distance_P.device)
    return torch.bucketize(distance_P.abs(), edges, right=True) * distance_P.sign()
