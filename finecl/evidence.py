"""Trains the proxy once on the silver labels and records what it showed of each instance (stage 1)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from finecl.config.schema import ProxySettings
from finecl.distributed.process_group import Ranks, current
from finecl.errors import TrainingError
from finecl.extraction.examples import Labelled
from finecl.extraction.loop import Training
from finecl.extraction.prediction import answers
from finecl.losses import against
from finecl.progress import Listener
from finecl.suspects import Suspects, find_suspects
from finecl.tokens.candidate_pairs import Asked
from finecl.training.checkpointing import Checkpoints, Saved
from finecl.types import Dynamics, Evidence, Ints


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
    """Evidence, the unlabelled pairs that the trained proxy suspects, and what making it cost in seconds."""

    evidence: Evidence
    suspects: Suspects
    train_seconds: float
    record_seconds: float
    epoch_pass_seconds: float

    def spread(self, place_I: Ints, count: int) -> ProxyRun:
        """The same with each instance at its place among ``count``; the others were never shown."""
        if len(place_I) == count and (np.diff(place_I) == 1).all():
            return self
        batch, epoch = (d.spread(place_I, count) if d else None for d in (self.evidence.batch, self.evidence.epoch))
        return replace(self, evidence=Evidence(batch=batch, epoch=epoch))


@dataclass(kw_only=True)
class _Proxy:
    """A proxy in training: its recorders by mode, and the seconds spent so far."""

    recorders: dict[str, Recorder]
    train_seconds: float = 0.0
    epoch_pass_seconds: float = 0.0
    since: float = field(default_factory=time.perf_counter)

    def keep(self) -> tuple[dict[str, Any], dict[str, float]]:
        """For a checkpoint: the dynamics of all ranks, and the seconds."""
        arrays = {
            f"{mode}.{name}": array
            for mode, recorder in self.recorders.items()
            for name, array in recorder.whole(current()).items()
        }
        seconds = {mode: recorder.seconds for mode, recorder in self.recorders.items()}
        passed = self.train_seconds + time.perf_counter() - self.since
        return arrays, {**seconds, "train_seconds": passed, "epoch_pass_seconds": self.epoch_pass_seconds}

    def found(self, saved: Saved) -> None:
        """From a checkpoint: what ``keep`` gave."""
        for key, array in saved.arrays.items():
            mode, name = key.split(".")
            getattr(self.recorders[mode].dynamics, name)[:] = array
        for mode, recorder in self.recorders.items():
            recorder.seconds = saved.record.get(mode, 0.0)
        self.train_seconds = saved.record.get("train_seconds", 0.0)
        self.epoch_pass_seconds = saved.record.get("epoch_pass_seconds", 0.0)
        self.since = time.perf_counter()

    def look(self, epoch: int, extractor: Any, data: Labelled, max_tokens: int | None) -> None:
        """At an epoch's end: the full pass of epoch-based dynamics, and what all ranks have seen, put together."""
        paused = time.perf_counter()
        self.train_seconds += paused - self.since
        if "epoch" in self.recorders:
            everything = np.arange(len(data.tokens))
            for _, asked, logits, labels in answers(
                extractor, data, everything, max_tokens=max_tokens, every_pair=False
            ):
                self.recorders["epoch"].observe(epoch, asked, logits, labels)
        for recorder in self.recorders.values():
            recorder.merged(epoch, current())
        self.since = time.perf_counter()
        self.epoch_pass_seconds += self.since - paused

    def ran(self, suspects: Suspects) -> ProxyRun:
        """What came out."""
        batch, epoch = (self.recorders.get(mode) for mode in ("batch", "epoch"))
        return ProxyRun(
            suspects=suspects,
            evidence=Evidence(batch=batch.dynamics if batch else None, epoch=epoch.dynamics if epoch else None),
            train_seconds=self.train_seconds,
            record_seconds=batch.seconds if batch else 0.0,
            epoch_pass_seconds=self.epoch_pass_seconds,
        )


def train_proxy(
    extractor: Any,
    data: Labelled,
    settings: ProxySettings,
    *,
    seed: int,
    listener: Listener | None = None,
    checkpoints: Checkpoints | None = None,
) -> ProxyRun:
    """Trains an extractor on silver labels and sampled no-relation pairs, recording its dynamics.

    Batch-based dynamics come from the training forward pass, dropout on, before the update (paper, Algorithm 1);
    epoch-based ones from a full pass in evaluation mode at the epoch's end (Algorithm 2). However many ranks train,
    each instance is seen once an epoch, and every rank returns the dynamics of all.

    Raises:
        TrainingError: there is no instance to learn, or the loss is not a number.
        StoppedError: a signal came; a checkpoint was written.
    """
    count = len(data.instances)
    if not count:
        raise TrainingError("the silver corpus has no labels: nothing to score; check data.silver and data.no_relation")
    modes = [mode for mode in ("batch", "epoch") if settings.record in (mode, "both")]
    proxy = _Proxy(recorders={mode: Recorder(settings.num_train_epochs, count) for mode in modes})
    training = Training(
        extractor=extractor,
        data=data,
        settings=settings,
        stage="proxy",
        seed=seed,
        listener=listener or Listener(),
        observe=proxy.recorders["batch"].observe if "batch" in modes else None,
        checkpoints=checkpoints or Checkpoints(),
        keep=proxy.keep,
        found=proxy.found,
    )
    for epoch in training.epochs():
        proxy.look(epoch, extractor, data, settings.max_tokens)
    return proxy.ran(find_suspects(extractor, data, max_tokens=settings.max_tokens))
