"""Trains the proxy once on the silver labels and records its dynamics for each instance (stage 1)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from finecl.config.schema import ProxySettings
from finecl.distributed.process_group import current
from finecl.errors import TrainingError
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.loop import Training
from finecl.extraction.prediction import predict_logits
from finecl.progress import Listener
from finecl.scoring.dynamics import Recorder
from finecl.training.checkpointing import CheckpointManager, Saved
from finecl.types import Evidence, Ints


@dataclass(frozen=True, kw_only=True)
class ProxyRun:
    """Evidence from a trained proxy, and the seconds spent on training and recording."""

    evidence: Evidence
    train_seconds: float
    record_seconds: float
    epoch_pass_seconds: float

    def spread(self, place_I: Ints, count: int) -> ProxyRun:
        """Returns a copy whose arrays hold ``count`` instances: instance i moves to ``place_I[i]``.

        Instances without a source were never shown to the proxy.
        """
        if len(place_I) == count and (np.diff(place_I) == 1).all():
            return self
        batch, epoch = (d.spread(place_I, count) if d else None for d in (self.evidence.batch, self.evidence.epoch))
        return replace(self, evidence=Evidence(batch=batch, epoch=epoch))


@dataclass(kw_only=True)
class _Proxy:
    """State of a proxy in training: recorders by mode, and the seconds spent so far."""

    recorders: dict[str, Recorder]
    train_seconds: float = 0.0
    epoch_pass_seconds: float = 0.0
    since: float = field(default_factory=time.perf_counter)

    def state_dict(self) -> tuple[dict[str, Any], dict[str, float]]:
        """Returns the dynamics of all ranks and the seconds, for a checkpoint."""
        arrays = {
            f"{mode}.{name}": array
            for mode, recorder in self.recorders.items()
            for name, array in recorder.whole(current()).items()
        }
        seconds = {mode: recorder.seconds for mode, recorder in self.recorders.items()}
        train_seconds = self.train_seconds + time.perf_counter() - self.since
        return arrays, {**seconds, "train_seconds": train_seconds, "epoch_pass_seconds": self.epoch_pass_seconds}

    def load_state_dict(self, saved: Saved) -> None:
        """Restores the return value of ``state_dict`` from a checkpoint."""
        for key, array in saved.arrays.items():
            mode, name = key.split(".")
            getattr(self.recorders[mode].dynamics, name)[:] = array
        for mode, recorder in self.recorders.items():
            recorder.seconds = saved.record.get(mode, 0.0)
        self.train_seconds = saved.record.get("train_seconds", 0.0)
        self.epoch_pass_seconds = saved.record.get("epoch_pass_seconds", 0.0)
        self.since = time.perf_counter()

    def end_epoch(self, epoch: int, extractor: Any, data: ExtractionDataset, max_tokens: int | None) -> None:
        """Runs the full pass of the epoch-based dynamics and merges the dynamics of all ranks."""
        paused = time.perf_counter()
        self.train_seconds += paused - self.since
        if "epoch" in self.recorders:
            all_documents = np.arange(len(data.tokens))
            for _, pairs, logits, labels in predict_logits(
                extractor, data, all_documents, max_tokens=max_tokens, every_pair=False
            ):
                self.recorders["epoch"].observe(epoch, pairs, logits, labels)
        for recorder in self.recorders.values():
            recorder.merged(epoch, current())
        self.since = time.perf_counter()
        self.epoch_pass_seconds += self.since - paused

    def result(self) -> ProxyRun:
        """Returns the result of the training."""
        batch, epoch = (self.recorders.get(mode) for mode in ("batch", "epoch"))
        return ProxyRun(
            evidence=Evidence(batch=batch.dynamics if batch else None, epoch=epoch.dynamics if epoch else None),
            train_seconds=self.train_seconds,
            record_seconds=batch.seconds if batch else 0.0,
            epoch_pass_seconds=self.epoch_pass_seconds,
        )


def train_proxy(
    extractor: Any,
    data: ExtractionDataset,
    settings: ProxySettings,
    *,
    seed: int,
    listener: Listener | None = None,
    checkpoints: CheckpointManager | None = None,
) -> ProxyRun:
    """Trains an extractor on silver labels and sampled no-relation pairs, and records its dynamics.

    Batch-based dynamics come from the training forward pass, with dropout, before the update (paper, Algorithm 1).
    Epoch-based dynamics come from a full pass in evaluation mode at the end of each epoch (Algorithm 2). With any
    number of ranks, each instance is seen once per epoch, and every rank returns the dynamics of all instances.

    Raises:
        TrainingError: there are no instances to learn, or the loss is not finite.
        StoppedError: a signal was received; a checkpoint was written.
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
        checkpoints=checkpoints or CheckpointManager(),
        state_dict=proxy.state_dict,
        load_state_dict=proxy.load_state_dict,
    )
    for epoch in training.epochs():
        proxy.end_epoch(epoch, extractor, data, settings.max_tokens)
    return proxy.result()
