"""Records training dynamics: the proxy's prediction of each label in each epoch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from finecl.distributed.process_group import Ranks
from finecl.losses import against
from finecl.tokens.candidate_pairs import CandidatePairs
from finecl.types import Dynamics


class Recorder:
    """Fills the arrays of ``Dynamics`` from logits and measures the seconds spent on it."""

    def __init__(self, epochs: int, instances: int) -> None:
        self.dynamics = Dynamics.empty(epochs, instances)
        self.seconds = 0.0

    def observe(self, epoch: int, pairs: CandidatePairs, logits_PR: Tensor, labels_PR: Tensor) -> None:
        """Records the dynamics of the labels of candidate pairs."""
        began = time.perf_counter()
        if len(pairs.instance_I):
            values = label_dynamics(
                logits_PR, labels_PR, torch.from_numpy(pairs.pair_I), torch.from_numpy(pairs.relation_I)
            )
            for name, column in self.dynamics.columns().items():
                column[epoch, pairs.instance_I] = values[name].cpu().numpy()
        self.seconds += time.perf_counter() - began

    def merged(self, epoch: int, ranks: Ranks) -> None:
        """Merges an epoch's values over ranks; each instance was recorded by one rank."""
        for name, column in self.dynamics.columns().items():
            column[epoch] = _merged(name, column[epoch], ranks)

    def whole(self, ranks: Ranks) -> dict[str, npt.NDArray[Any]]:
        """Returns the arrays merged over ranks, as filled so far."""
        return {name: _merged(name, column, ranks) for name, column in self.dynamics.columns().items()}


def _merged(name: str, column: npt.NDArray[Any], ranks: Ranks) -> npt.NDArray[Any]:
    """Merges a column over ranks; a rank holds the minimum (loss: the maximum) for instances it has not recorded."""
    merged = np.array(column)
    ranks.merge(merged, "min" if name == "loss" else "max")
    return merged


def label_dynamics(logits_PR: Tensor, labels_PR: Tensor, pair_I: Tensor, relation_I: Tensor) -> dict[str, Tensor]:
    """Returns the columns of ``Dynamics`` for instances ``[I]``; each is a relation of one of the pairs.

    A label competes with all relations, including no-relation, that its pair is not labelled with. For pairs with one
    label this gives the usual arg-max, softmax and margin.
    """
    pair_I, relation_I = pair_I.to(logits_PR.device), relation_I.to(logits_PR.device)
    logits, is_label = logits_PR.float()[pair_I], labels_PR.bool()[pair_I]
    label_logits = logits.gather(1, relation_I[:, None])[:, 0]
    others = logits.masked_fill(is_label, -torch.inf).max(dim=1).values
    loss = torch.nn.functional.softplus(against(logits, is_label)[:, 0] - label_logits)
    return {
        "correct": label_logits > others,
        "top": logits.argmax(dim=1) == relation_I,
        "confidence": torch.exp(-loss),
        "margin": label_logits - others,
        "loss": loss,
    }
