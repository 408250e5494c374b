"""What every training loop shares: AdamW, linear warm-up and decay, one guarded step."""

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
    """AdamW over a module's parameters; biases and normalisation weights do not decay.

    ``warmup_steps`` below 1 is a share of ``steps``; ``head_learning_rate`` is that of all but the encoder, None: the
    same.
    """

    def __init__(
        self, module: nn.Module, settings: TrainSettings, steps: int, *, head_learning_rate: float | None = None
    ) -> None:
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        self._parameters = [p for _, p in named]
        head_rate = settings.learning_rate if head_learning_rate is None else head_learning_rate
        groups = [
            {"params": chosen, "lr": rate, "weight_decay": decay}
            for rate, of_head in ((settings.learning_rate, False), (head_rate, True))
            for decay, of_matrices in ((settings.weight_decay, True), (0.0, False))
            if (chosen := [p for name, p in named if _is_head(name) == of_head and (p.dim() > 1) == of_matrices])
        ]
        self._clip = settings.max_grad_norm
        self.adam = torch.optim.AdamW(groups, eps=settings.adam_epsilon, fused=True)
        self._rates = [float(group["lr"]) for group in self.adam.param_groups]
        given = settings.warmup_steps
        self._warmup = round(given * steps) if given < 1 else int(given)
        self._steps = steps

    def step(self, number: int) -> None:
        """Clips the gradients, makes update ``number`` (from 0), and clears them."""
        for group, rate in zip(self.adam.param_groups, self._rates, strict=True):
            group["lr"] = rate * _linear(number, self._warmup, self._steps)
        nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)


def _is_head(name: str) -> bool:
    """Whether a parameter belongs to an extractor's head; a bare encoder has none."""
    return not name.startswith(("encoder.", "model."))


def _linear(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return max(0.0, (total - step) / max(1, total - warmup))


class NotFiniteError(TrainingError):
    """The loss is not a number; ``uids`` are the instances of the batch in which that happened."""

    on_all_ranks = True

    def __init__(self, stage: str, value: float, uids: Uids) -> None:
        super().__init__(
            f"{stage}: the loss is {value}; lower {stage.split()[0]}.learning_rate or use model.precision = 'float32'. "
            f"{len(uids)} instances were in that batch"
        )
        self.uids: Uids = np.unique(uids)


def check_finite(stage: str, losses: Sequence[tuple[float, Uids]], ranks: Ranks) -> None:
    """Looks at the losses of a step's passes on this rank, each with its instances, before the update is made.

    Raises:
        NotFiniteError: one is not finite, on whichever rank; then every rank raises it.
    """
    bad = [(value, uids) for value, uids in losses if not np.isfinite(value)]
    (there,) = ranks.all_sum([len(bad)])
    if there:
        everywhere = [pair for some in ranks.all_gather_object(bad) for pair in some]
        raise NotFiniteError(stage, everywhere[0][0], np.concatenate([uids for _, uids in everywhere]))
