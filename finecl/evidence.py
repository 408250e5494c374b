"""Trains the proxy once on the silver labels and records what it showed of each instance (stage 1)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.config import ProxySettings
from finecl.errors import TrainingError
from finecl.extraction import Labelled, answers, train_epochs
from finecl.losses import against
from finecl.pairs import Asked
from finecl.progress import Listener
from finecl.types import Dynamics, Evidence


class Recorder:
    """Fills the arrays of ``Dynamics`` from logits, and counts the seconds that this takes."""

    def __init__(self, epochs: int, instances: int) -> None:
        self.dynamics = Dynamics.empty(epochs, instances)
        self.seconds = 0.0

    def observe(self, epoch: int, asked: Asked, logits_PR: Tensor, labels_PR: Tensor) -> None:
        """Records how the labels of the asked pairs were judged."""
        began = time.perf_counter()
        if len(asked.instance_I):
            judged = judge(logits_PR, labels_PR, torch.from_numpy(asked.pair_I), torch.from_numpy(asked.relation_I))
            for name, column in self.dynamics.columns().items():
                column[epoch, asked.instance_I] = judged[name].cpu().numpy()
        self.seconds += time.perf_counter() - began


def judge(logits_PR: Tensor, labels_PR: Tensor, pair_I: Tensor, relation_I: Tensor) -> dict[str, Tensor]:
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


@dataclass(frozen=True, kw_only=True)
class ProxyRun:
    """Evidence, and what making it cost in seconds."""

    evidence: Evidence
    train_seconds: float
    record_seconds: float
    epoch_pass_seconds: float


def train_proxy(
    extractor: Any, data: Labelled, settings: ProxySettings, *, seed: int, listener: Listener | None = None
) -> ProxyRun:
    """Trains an extractor on silver labels and sampled no-relation pairs, recording its dynamics.

    Batch-based dynamics come from the training forward pass, dropout on, before the update (paper, Algorithm 1);
    epoch-based ones from a full pass in evaluation mode at the epoch's end (Algorithm 2).

    Raises:
        TrainingError: there is no instance to learn, or the loss is not a number.
    """
    count = len(data.instances)
    if not count:
        raise TrainingError("the silver corpus has no labels: nothing to score; check data.silver and data.no_relation")
    batch, epoch_based = (Recorder(settings.num_train_epochs, count) for _ in range(2))
    documents = np.arange(len(data.tokens))
    torch.manual_seed(seed)
    began, evaluating = time.perf_counter(), 0.0
    observe = batch.observe if settings.record != "epoch" else None
    for epoch in train_epochs(
        extractor,
        data,
        documents,
        settings,
        stage="proxy",
        seed=seed,
        listener=listener or Listener(),
        observe=observe,
    ):
        if settings.record != "batch":
            paused = time.perf_counter()
            seen = answers(extractor, data, documents, max_tokens=settings.max_tokens, every_pair=False)
            for _, asked, logits, labels in seen:
                epoch_based.observe(epoch, asked, logits, labels)
            evaluating += time.perf_counter() - paused
    return ProxyRun(
        evidence=Evidence(
            batch=batch.dynamics if settings.record != "epoch" else None,
            epoch=epoch_based.dynamics if settings.record != "batch" else None,
        ),
        train_seconds=time.perf_counter() - began - evaluating,
        record_seconds=batch.seconds,
        epoch_pass_seconds=evaluating,
    )
