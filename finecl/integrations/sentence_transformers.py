"""FineCL's loss as a loss module for sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finecl.losses import weighted_info_nce
from finecl.types import Pairs


class WeightedInfoNCE(nn.Module):
    """Noise-weighted InfoNCE with in-batch negatives (FineCL, section 3.3).

    With all weights 1 it equals ``MultipleNegativesRankingLoss``.

    ``model`` returns a dictionary with "sentence_embedding" [B, H] for each column of a batch: anchors, positives and,
    if there are more columns, hard negatives. The label of a row in the data set is its weight, at least 0: it
    multiplies the row's loss term, and weights the row's positive where that is a negative of other rows. Hard
    negatives have the weight of their row. Without labels every weight is 1.

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
        """Returns the mean of the weighted losses of the rows."""
        embeddings = [self.model(features)["sentence_embedding"] for features in sentence_features]
        anchors, candidates = embeddings[0], torch.cat(embeddings[1:])
        rows = len(anchors)
        weight = np.ones(rows, np.float32) if labels is None else labels.detach().float().cpu().numpy()
        index = np.arange(rows)
        candidates_of_rows = np.tile(np.arange(len(candidates)), (rows, 1))
        pairs = Pairs.contrastive(
            index[:, None], np.where(candidates_of_rows == index[:, None], -1, candidates_of_rows)
        )
        columns = len(embeddings) - 1
        loss = weighted_info_nce(
            anchors, candidates, pairs, weight, np.tile(weight, columns), temperature=self.temperature
        )
        return loss.total / max(1, loss.terms)

    def get_config_dict(self) -> dict[str, Any]:
        """Returns the settings, which sentence-transformers writes into model cards."""
        return {"temperature": self.temperature}
