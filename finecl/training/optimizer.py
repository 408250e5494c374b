"""AdamW with linear warm-up and decay, gradient clipping, and a check for losses that are not finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from finecl.config.schema import TrainSettings
from finecl.distributed.process_group import Ranks
from finecl.errors import TrainingError
from finecl.types import Uids


class Optimization:
    """AdamW for a module's parameters; biases and normalisation weights are not decayed.

    ``settings.warmup_steps`` below 1 is a fraction of ``steps``. ``head_learning_rate`` applies to all parameters
    outside the encoder; None uses ``settings.learning_rate``.
    """

    def __init__(
        self, module: nn.Module, settings: TrainSettings, steps: int, *, head_learning_rate: float | None = None
    ) -> None:
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        self._parameters = [p for _, p in named]
        head_rate = settings.learning_rate if head_learning_rate is None else head_learning_rate
        groups = [
            {"params": parameters, "lr": rate, "weight_decay": decay}
            for rate, of_head in ((settings.learning_rate, False), (head_rate, True))
            for decay, of_matrices in ((settings.weight_decay, True), (0.0, False))
            if (parameters := [p for name, p in named if _is_head(name) == of_head and (p.dim() > 1) == of_matrices])
        ]
        self._clip = settings.max_grad_norm
        self.adam = torch.optim.AdamW(groups, eps=settings.adam_epsilon, fused=True)
        self._rates = [float(group["lr"]) for group in self.adam.param_groups]
        warmup = settings.warmup_steps
        self._warmup = round(warmup * steps) if warmup < 1 else int(warmup)
        self._steps = steps

    def step(self, number: int) -> None:
        """Clips the gradients, performs update ``number`` (from 0), and clears the gradients."""
        for group, rate in zip(self.adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * _linear(number, self._warmup, self._steps)
        nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)


def _is_head(name: str) -> bool:
    """Returns whether a parameter belongs to an extractor's head; an encoder alone has no head."""
    return not name.startswith(("encoder.", "model."))


def _linear(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return max(0.0, (total - step) / max(1, total - warmup))


class NotFiniteError(TrainingError):
    """The loss is NaN or infinite; ``uids`` are the instances of the batch."""

    on_all_ranks = True

    def __init__(self, stage: str, value: float, uids: Uids) -> None:
        super().__init__(
            f"{stage}: the loss is {value}; lower {stage.split()[0]}.learning_rate or use model.precision = 'float32'; "
            f"the batch held {len(uids)} instances"
        )
        self.uids: Uids = np.unique(uids)


def check_finite(stage: str, losses: Sequence[tuple[float, Uids]], ranks: Ranks) -> None:
    """Checks the losses of a step before the update.

    ``losses`` holds the loss of each micro-batch of this rank, with the uids of its instances.

    Raises:
        NotFiniteError: a loss is not finite, on any rank; every rank raises it.
    """
    not_finite = [(value, uids) for value, uids in losses if not np.isfinite(value)]
    (count,) = ranks.all_sum([len(not_finite)])
    if count:
        of_all_ranks = [pair for of_rank in ranks.all_gather_object(not_finite) for pair in of_rank]
        raise NotFiniteError(stage, of_all_ranks[0][0], np.concatenate([uids for _, uids in of_all_ranks]))
