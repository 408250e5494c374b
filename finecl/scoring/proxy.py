"""Trains the proxy once on the silver labels and records what it showed of each instance (stage 1)."""

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
from finecl.scoring.false_negatives import FalseNegatives, find_false_negatives
from finecl.training.checkpointing import CheckpointManager, Saved
from finecl.types import Evidence, Ints


@dataclass(frozen=True, kw_only=True)
class ProxyRun:
    """Evidence, the unlabelled pairs that the trained proxy false_negatives, and what making it cost in seconds."""

    evidence: Evidence
    false_negatives: FalseNegatives
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

    def state_dict(self) -> tuple[dict[str, Any], dict[str, float]]:
        """For a checkpoint: the dynamics of all ranks, and the seconds."""
        arrays = {
            f"{mode}.{name}": array
            for mode, recorder in self.recorders.items()
            for name, array in recorder.whole(current()).items()
        }
        seconds = {mode: recorder.seconds for mode, recorder in self.recorders.items()}
        passed = self.train_seconds + time.perf_counter() - self.since
        return arrays, {**seconds, "train_seconds": passed, "epoch_pass_seconds": self.epoch_pass_seconds}

    def load_state_dict(self, saved: Saved) -> None:
        """From a checkpoint: the return value of ``state_dict``."""
        for key, array in saved.arrays.items():
            mode, name = key.split(".")
            getattr(self.recorders[mode].dynamics, name)[:] = array
        for mode, recorder in self.recorders.items():
            recorder.seconds = saved.record.get(mode, 0.0)
        self.train_seconds = saved.record.get("train_seconds", 0.0)
        self.epoch_pass_seconds = saved.record.get("epoch_pass_seconds", 0.0)
        self.since = time.perf_counter()

    def end_epoch(self, epoch: int, extractor: Any, data: ExtractionDataset, max_tokens: int | None) -> None:
        """At an epoch's end: the full pass of epoch-based dynamics, and what all ranks have seen, put together."""
        paused = time.perf_counter()
        self.train_seconds += paused - self.since
        if "epoch" in self.recorders:
            everything = np.arange(len(data.tokens))
            for _, asked, logits, labels in predict_logits(
                extractor, data, everything, max_tokens=max_tokens, every_pair=False
            ):
                self.recorders["epoch"].observe(epoch, asked, logits, labels)
        for recorder in self.recorders.values():
            recorder.merged(epoch, current())
        self.since = time.perf_counter()
        self.epoch_pass_seconds += self.since - paused

    def ran(self, false_negatives: FalseNegatives) -> ProxyRun:
        """What came out."""
        batch, epoch = (self.recorders.get(mode) for mode in ("batch", "epoch"))
        return ProxyRun(
            false_negatives=false_negatives,
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
        checkpoints=checkpoints or CheckpointManager(),
        state_dict=proxy.state_dict,
        load_state_dict=proxy.load_state_dict,
    )
    for epoch in training.epochs():
        proxy.end_epoch(epoch, extractor, data, settings.max_tokens)
    return proxy.ran(find_false_negatives(extractor, data, max_tokens=settings.max_tokens))
