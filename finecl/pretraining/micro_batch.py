"""Micro-batches of a pre-training step, and how they are encoded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from finecl.distributed.parallel import Parallel
from finecl.models.cpu import trim_heap
from finecl.models.encoder import Encoder
from finecl.pretraining.mlm_masking import Masked
from finecl.tokens.packing import Packed
from finecl.training.checkpointing import seed_pass
from finecl.types import Batch, Uids

_TRIM_FROM, _TRIM_EVERY = 8, 2  # steps of more micro-batches than the first trim the heap after every second one


class PretrainingModel(nn.Module):
    """Computes entity vectors ``[V, H]`` and the summed MLM loss of a micro-batch in one forward pass.

    Without positions the language-modelling head is not run.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, batch: Batch, position_I: Tensor | None = None, label_I: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns entity vectors and MLM loss."""
        states_TH = self.encoder(batch)
        entities_VH = self.encoder.entities(states_TH, batch)
        if position_I is None or label_I is None:
            return entities_VH, entities_VH.new_zeros(())
        return entities_VH, self.encoder.mlm_loss(states_TH, position_I, label_I).total


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """Documents of one forward and backward pass.

    ``document`` is the number of the first one in the corpus, the key of the pass's random state; ``uids`` are the
    instances that its loss depends on.
    """

    packed: Packed
    masked: Masked
    document: int
    uids: Uids


@dataclass(frozen=True, kw_only=True)
class StepEncoder:
    """Encodes micro-batches of one step; ``seed`` and ``step`` determine the random state of each pass."""

    model: Parallel
    seed: int
    step: int
    max_tokens: int

    @property
    def encoder(self) -> Encoder:
        """The encoder that is trained."""
        encoder = self.model.module.encoder
        assert isinstance(encoder, Encoder)
        return encoder

    def __call__(self, batch: MicroBatch, *, last: bool) -> tuple[Tensor, Tensor]:
        """Returns entity vectors ``[V, H]`` and MLM loss, with gradients."""
        positions = (torch.from_numpy(a).to(self._device) for a in (batch.masked.position_I, batch.masked.label_I))
        entities_VH, mlm = self.model(self._prepare(batch), *positions, last=last)
        return entities_VH, mlm

    def without_gradients(self, batch: MicroBatch) -> Tensor:
        """Returns entity vectors ``[V, H]``."""
        with torch.no_grad():
            entities_VH: Tensor = self.model.module(self._prepare(batch))[0]
        return entities_VH

    def end_pass(self, number: int, of: int) -> None:
        """Call it after each micro-batch; trims the heap periodically on CPU."""
        if of > _TRIM_FROM and number % _TRIM_EVERY == _TRIM_EVERY - 1 and self._device == "cpu":
            trim_heap()

    @property
    def _device(self) -> str:
        return self.encoder.precision.device

    def _prepare(self, batch: MicroBatch) -> Batch:
        """Sets the random state of the pass and returns its tensors."""
        seed_pass(self.seed, "pretrain", self.step, batch.document)
        none = np.zeros(0, dtype=np.int64)
        ids_T = batch.masked.ids_T
        tensors = batch.packed.batch(none, none, first_position=self.encoder.first_position, ids_T=ids_T)
        return tensors.to(self._device)
