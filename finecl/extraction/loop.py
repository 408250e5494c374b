"""The training loop of an extractor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.config.schema import FinetuneSettings, ProxySettings
from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import current
from finecl.extraction.examples import ExtractionBatch, ExtractionDataset, extraction_batch
from finecl.numerics.partition import balance, pack_to_budget
from finecl.progress import Listener
from finecl.tokens.candidate_pairs import CandidatePairs
from finecl.training.checkpointing import Arrays, CheckpointManager, Saved, seed_pass
from finecl.training.data_order import easiest_first, epoch_order
from finecl.training.optimizer import Optimization, check_finite
from finecl.types import Floats, Ints

Observe = Callable[[int, CandidatePairs, Tensor, Tensor], None]
"""Called with each training forward pass, before its update: epoch, pairs, logits and labels ``[P, R]``."""


@dataclass(kw_only=True)
class Training:
    """The training of an extractor: its data, its settings, and the state it needs to resume.

    ``difficulty`` [D] sorts the documents of every epoch, easiest first. Trainings with the same ``random_stage``
    (default: ``stage``) have the same data order and dropout, so that their results are comparable.
    ``observe`` is called with each training pass of this rank. ``state_dict`` returns the other state of a checkpoint,
    as arrays and a record; ``load_state_dict`` restores it.
    """

    extractor: Any
    data: ExtractionDataset
    settings: ProxySettings | FinetuneSettings
    stage: str
    seed: int
    listener: Listener
    observe: Observe | None = None
    checkpoints: CheckpointManager = field(default_factory=CheckpointManager)
    state_dict: Callable[[], tuple[Arrays, Mapping[str, Any]]] = lambda: ({}, {})
    load_state_dict: Callable[[Saved], None] = lambda saved: None
    difficulty: Floats | None = None
    random_stage: str = ""

    def epochs(self) -> Iterator[int]:
        """Trains, and pauses after each epoch: yields its number, from 0.

        A step's loss is the mean over all pairs of its batch, however many passes and ranks these take.

        Raises:
            NotFiniteError: the loss is not finite.
            StoppedError: a signal arrived; a checkpoint was written.
        """
        settings, documents = self.settings, np.arange(len(self.data.tokens))
        named = f"{self.random_stage or self.stage} order"
        steps = -(-len(documents) // settings.batch_size)
        model = Parallel(self.extractor, current(), settings.sharding)
        optimization = Optimization(
            self.extractor, settings, steps * settings.num_train_epochs, head_learning_rate=settings.head_learning_rate
        )
        lengths = self.data.tokens.lengths if settings.train_sampling_strategy == "group_by_length" else None
        saved = self.checkpoints.restore(self.extractor, optimization)
        self.load_state_dict(saved)
        with self.checkpoints.listening():
            self.listener.begin(self.stage, steps * settings.num_train_epochs, "steps")
            if saved.step:
                self.listener.advance(saved.step)
            for epoch in range(saved.step // steps, settings.num_train_epochs):
                self.extractor.train()
                order = epoch_order(documents, settings.batch_size, self.seed, named, epoch, lengths)
                if self.difficulty is not None:
                    order = easiest_first(order, self.difficulty)
                for step in range(max(saved.step, epoch * steps), (epoch + 1) * steps):
                    self.checkpoints.before(step, self.extractor, optimization, self.state_dict)
                    at = (step - epoch * steps) * settings.batch_size
                    loss = self._step(model, np.sort(order[at : at + settings.batch_size]), epoch, step)
                    optimization.step(step)
                    self.listener.measured(self.stage, step, {"loss": loss})
                    self.listener.advance(1, f"epoch {epoch + 1}/{settings.num_train_epochs}  loss {loss:.3f}")
                yield epoch

    def _step(self, model: Parallel, documents: Ints, epoch: int, step: int) -> float:
        """Adds a step's gradients; returns its mean loss over all ranks."""
        ranks = model.ranks
        mine = documents[balance(self.data.tokens.lengths[documents], ranks.size)[ranks.rank]]
        batches = [q for q in self._batches(mine, epoch) if len(q.pairs)]
        (total_pairs,) = ranks.all_sum([sum(len(q.pairs) for q in batches)])
        idle = model.passes(len(batches)) - len(batches)
        passes = [*(self._batch(documents[:1], epoch) for _ in range(idle)), *batches]
        losses: list[Tensor] = []
        for number, q in enumerate(passes):
            scale = 1.0 / total_pairs if number >= idle else None
            losses.append(self._pass(model, q, scale, epoch, step, last=number + 1 == len(passes)))
        local = torch.stack(losses).tolist() if losses else []
        uids = [self.data.instances.uid[q.pairs.instance_I] for q in passes]
        check_finite(self.stage, list(zip(local, uids, strict=True)), ranks)
        return ranks.all_sum([sum(local)])[0]

    def _pass(
        self, model: Parallel, q: ExtractionBatch, scale: float | None, epoch: int, step: int, *, last: bool
    ) -> Tensor:
        """Adds the gradients of a pass and returns its share of the mean loss; without a scale, the pass adds zeros."""
        seed_pass(self.seed, self.random_stage or self.stage, step, int(q.documents[0]))
        logits_PR: Tensor = model(q.batch, last=last)
        if scale is None:
            loss = logits_PR.sum() * 0.0
        else:
            if self.observe:
                self.observe(epoch, q.pairs, logits_PR.detach(), q.labels_PR)
            loss = self.extractor.loss(q.weighted(logits_PR), q.labels_PR).total * scale
        model.backward(loss, last=last)
        return loss.detach()

    def _batch(self, documents: Ints, epoch: int) -> ExtractionBatch:
        negatives = self.settings.negatives
        return extraction_batch(self.extractor, self.data, documents, negatives=negatives, seed=self.seed, epoch=epoch)

    def _batches(self, documents: Ints, epoch: int) -> list[ExtractionBatch]:
        budget = self.extractor.encoder.precision.pass_tokens(self.settings.max_tokens)
        return [
            self._batch(documents[run], epoch) for run in pack_to_budget(self.data.tokens.lengths[documents], budget)
        ]


def train_on(
    extractor: Any,
    data: ExtractionDataset,
    settings: ProxySettings | FinetuneSettings,
    *,
    stage: str,
    seed: int,
    listener: Listener | None = None,
    checkpoints: CheckpointManager | None = None,
) -> None:
    """Trains an extractor for all epochs, without evaluation."""
    training = Training(
        extractor=extractor,
        data=data,
        settings=settings,
        stage=stage,
        seed=seed,
        listener=listener or Listener(),
        checkpoints=checkpoints or CheckpointManager(),
    )
    for _ in training.epochs():
        pass
