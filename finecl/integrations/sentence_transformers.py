"""FineCL's loss as a module, in the shape of the losses of sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finecl.losses import weighted_info_nce
from finecl.types import Pairs


class WeightedInfoNCE(nn.Module):
    """Noise-weighted InfoNCE over in-batch negatives (FineCL, section 3.3; with weights of one,
    ``MultipleNegativesRankingLoss``).

    ``model`` gives a dictionary with "sentence_embedding" [B, H] for each column of a batch: anchors, positives and,
    if there are more columns, hard negatives. The data set's label is the weight of its row, at least 0: the row's term
    is multiplied by it, and where the row's positive stands as a negative of others it counts by it. Hard negatives
    have the weight of their row. Without labels every weight is 1.

    *Shape:* ``sentence_features`` 2 or more batches of B sentences, ``labels`` [B]; the loss is the mean over rows.

    Example:
        >>> loss = WeightedInfoNCE(torch.nn.Identity(), temperature=1.0)
        >>> embeddings = [{"sentence_embedding": torch.eye(2)}, {"sentence_embedding": torch.eye(2)}]
        >>> round(loss(embeddings, torch.ones(2)).item(), 4)
        0.3133
    """

    def __init__(self, model: nn.Module, temperature: float = 0.05) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, sentence_features: Iterable[dict[str, Any]], labels: Tensor | None = None) -> Tensor:
        """The mean of the rows' weighted losses."""
        embeddings = [self.model(features)["sentence_embedding"] for features in sentence_features]
        anchors, candidates = embeddings[0], torch.cat(embeddings[1:])
        rows = len(anchors)
        weight = np.ones(rows, np.float32) if labels is None else labels.detach().float().cpu().numpy()
        place = np.arange(rows)
        others = np.tile(np.arange(len(candidates)), (rows, 1))
        pairs = Pairs.contrastive(place[:, None], np.where(others == place[:, None], -1, others))
        columns = len(embeddings) - 1
        found = weighted_info_nce(
            anchors, candidates, pairs, weight, np.tile(weight, columns), temperature=self.temperature
        )
        return found.total / max(1, found.terms)

    def get_config_dict(self) -> dict[str, Any]:
        """The settings, as sentence-transformers puts them into model cards."""
        return {"temperature": self.temperature}
