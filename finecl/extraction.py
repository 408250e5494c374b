"""Training an extractor on labelled documents, and asking it about others. Serves the proxy and fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.batch import Packed, pack, passes
from finecl.config import FinetuneSettings, ProxySettings
from finecl.draws import generator
from finecl.optimization import Optimization, check_finite
from finecl.pairs import Asked, ask
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.text import Tokens
from finecl.types import Batch, Instances, Ints

Observe = Callable[[int, Asked, Tensor, Tensor], None]
"""Is shown each training forward pass, before its update: epoch, pairs, logits and labels ``[P, R]``."""


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A corpus as an extractor meets it."""

    tokens: Tokens
    instances: Instances

    @property
    def relations(self) -> int:
        """Number of logits: the relations, and no-relation as the last."""
        return len(self.instances.relations) + 1


@dataclass(frozen=True, kw_only=True)
class Question:
    """One encoder pass: the pairs asked about, as integers and as tensors; ``labels_PR`` is multi-hot."""

    packed: Packed
    asked: Asked
    batch: Batch
    labels_PR: Tensor


def build_extractor(registry: Registry, name: str, settings: dict[str, Any], encoder: Any, relations: int) -> Any:
    """An extractor on its encoder's device; ``settings`` that it does not have are left to those that do."""
    part = registry.part("extractor", name)
    loss = {"loss": settings["loss"]} if "loss" in part.settings else {}
    own = {key: value for key, value in settings.items() if key != "loss"}
    return part.create(encoder, relations, **(loss | own)).to(encoder.precision.device)


def question(
    extractor: Any, data: Labelled, documents: Ints, *, negatives: float | None, seed: int, epoch: int
) -> Question:
    """The pairs of some documents: the labelled ones, and all (None) or a draw of the others."""
    packed = pack(data.tokens.rows(documents))
    asked = ask(packed, data.instances, documents, negatives=negatives, seed=seed, epoch=epoch)
    batch = packed.batch(asked.head_row_P, asked.tail_row_P, first_position=extractor.encoder.first_position)
    labels = torch.zeros(len(asked), data.relations)
    labels[torch.from_numpy(asked.pair_I), torch.from_numpy(asked.relation_I)] = 1.0
    labels[:, -1] = (labels.sum(dim=1) == 0).float()
    device = extractor.encoder.precision.device
    return Question(packed=packed, asked=asked, batch=batch.to(device), labels_PR=labels.to(device))


def train_epochs(
    extractor: Any,
    data: Labelled,
    documents: Ints,
    settings: ProxySettings | FinetuneSettings,
    *,
    stage: str,
    seed: int,
    listener: Listener,
    observe: Observe | None = None,
) -> Iterator[int]:
    """Trains, and pauses after each epoch: yields its number, from 0.

    A step's loss is the mean over all pairs of its
    batch, however many passes these take.

    Raises:
        NotFiniteError: the loss is not a number.
    """
    steps_an_epoch = -(-len(documents) // settings.batch_size)
    epochs = settings.num_train_epochs
    optimization = Optimization(
        extractor, settings, steps_an_epoch * epochs, head_learning_rate=settings.head_learning_rate
    )
    listener.begin(stage, len(documents) * epochs, "documents")
    for epoch in range(epochs):
        extractor.train()
        order = generator(seed, f"{stage} order", epoch).permutation(documents)
        for batch in np.array_split(order, range(settings.batch_size, len(order), settings.batch_size)):
            batch = np.sort(batch)
            loss = _step(extractor, data, batch, settings, stage, seed, epoch, observe)
            optimization.step()
            listener.advance(len(batch), f"epoch {epoch + 1}/{epochs}  loss {loss:.3f}")
        yield epoch


def _step(
    extractor: Any, data: Labelled, documents: Ints, settings: Any, stage: str, seed: int, epoch: int, observe: Any
) -> float:
    questions = [
        question(extractor, data, documents[run], negatives=settings.negatives, seed=seed, epoch=epoch)
        for run in passes(data.tokens.lengths[documents], settings.max_tokens)
    ]
    pairs = max(1, sum(len(q.asked) for q in questions))
    total = 0.0
    for q in questions:
        if not len(q.asked):
            continue
        logits = extractor(q.batch)
        if observe:
            observe(epoch, q.asked, logits.detach(), q.labels_PR)
        loss = extractor.loss(logits, q.labels_PR).total / pairs
        total += check_finite(loss, stage, data.instances.uid[q.asked.instance_I])
        loss.backward()
    return total


@torch.no_grad()
def answers(
    extractor: Any, data: Labelled, documents: Ints, *, max_tokens: int, every_pair: bool
) -> Iterator[tuple[Ints, Asked, Tensor, Tensor]]:
    """Asks a trained extractor about every pair, or only the labelled ones, of each document.

    Yields the documents of a pass, the pairs asked, their logits and labels ``[P, R]``.
    """
    extractor.eval()
    by_length = documents[np.argsort(data.tokens.lengths[documents], kind="stable")]
    for run in passes(data.tokens.lengths[by_length], max_tokens):
        some = np.sort(by_length[run])
        q = question(extractor, data, some, negatives=None if every_pair else 0.0, seed=0, epoch=0)
        if len(q.asked):
            yield some, q.asked, extractor(q.batch), q.labels_PR
