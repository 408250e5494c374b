"""Records training dynamics: how the proxy judges each label in each epoch."""

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
    """Fills the arrays of ``Dynamics`` from logits, and counts the seconds that this takes."""

    def __init__(self, epochs: int, instances: int) -> None:
        self.dynamics = Dynamics.empty(epochs, instances)
        self.seconds = 0.0

    def observe(self, epoch: int, asked: CandidatePairs, logits_PR: Tensor, labels_PR: Tensor) -> None:
        """Records how the labels of the asked pairs were judged."""
        began = time.perf_counter()
        if len(asked.instance_I):
            judged = label_dynamics(
                logits_PR, labels_PR, torch.from_numpy(asked.pair_I), torch.from_numpy(asked.relation_I)
            )
            for name, column in self.dynamics.columns().items():
                column[epoch, asked.instance_I] = judged[name].cpu().numpy()
        self.seconds += time.perf_counter() - began

    def merged(self, epoch: int, ranks: Ranks) -> None:
        """Puts together what the ranks have seen in an epoch: each instance was seen by one of them."""
        for name, column in self.dynamics.columns().items():
            column[epoch] = _merged(name, column[epoch], ranks)

    def whole(self, ranks: Ranks) -> dict[str, npt.NDArray[Any]]:
        """The arrays as all ranks have filled them so far."""
        return {name: _merged(name, column, ranks) for name, column in self.dynamics.columns().items()}


def _merged(name: str, column: npt.NDArray[Any], ranks: Ranks) -> npt.NDArray[Any]:
    """What the ranks have seen together: where one has not seen an instance stands the least (loss: the most)."""
    part = np.array(column)
    ranks.merge(part, "min" if name == "loss" else "max")
    return part


def label_dynamics(logits_PR: Tensor, labels_PR: Tensor, pair_I: Tensor, relation_I: Tensor) -> dict[str, Tensor]:
    """The columns of ``Dynamics`` for instances ``[I]``, each a relation of one of the pairs.

    A label competes with every relation, and with no-relation, that its pair is not labelled with: on pairs of
    one label that is the arg-max, the softmax and the margin of the usual definitions.
    """
    pair_I, relation_I = pair_I.to(logits_PR.device), relation_I.to(logits_PR.device)
    logits, carried = logits_PR.float()[pair_I], labels_PR.bool()[pair_I]
    own = logits.gather(1, relation_I[:, None])[:, 0]
    others = logits.masked_fill(carried, -torch.inf).max(dim=1).values
    loss = torch.nn.functional.softplus(against(logits, carried)[:, 0] - own)
    return {
        "correct": own > others,
        "top": logits.argmax(dim=1) == relation_I,
        "confidence": torch.exp(-loss),
        "margin": own - others,
        "loss": loss,
    }
