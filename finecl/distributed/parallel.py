"""Data-parallel training of a module: replicated (DDP) or sharded (FSDP2), behind one interface.

Both average gradients over ranks, so each rank multiplies its part of the loss by the number of ranks. Gradients
are synchronised once per step, on its last backward pass.
"""

from __future__ import annotations

import contextlib
from typing import Any, Literal

import torch
from torch import Tensor, nn

from finecl.distributed.process_group import Ranks

Sharding = Literal["ddp", "fsdp"]


class Parallel:
    """Wraps a module for data-parallel training. Call it like the module; call ``backward`` for backward passes."""

    def __init__(self, module: nn.Module, ranks: Ranks, sharding: Sharding = "ddp") -> None:
        self.ranks = ranks
        self.module: Any = module
        self.sharded = ranks.size > 1 and sharding == "fsdp"
        self._module: Any = module
        if self.sharded:
            _shard(module)
        elif ranks.size > 1:
            from torch.nn.parallel import DistributedDataParallel

            self._module = DistributedDataParallel(module, gradient_as_bucket_view=True)

    def __call__(self, *arguments: Any, last: bool) -> Any:
        """Runs a forward pass; if ``last``, its backward pass synchronises the step's gradients."""
        if self.sharded:
            self._module.set_requires_gradient_sync(last)
            return self._module(*arguments)
        skip_sync = self.ranks.size > 1 and not last
        with self._module.no_sync() if skip_sync else contextlib.nullcontext():
            return self._module(*arguments)

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """Accumulates the gradients of this rank's part of the loss; the loss is the sum of the parts of all ranks."""
        skip_sync = self.ranks.size > 1 and not last and not self.sharded
        with self._module.no_sync() if skip_sync else contextlib.nullcontext():
            torch.autograd.backward(loss * self.ranks.size)

    def passes(self, count: int, *, gradients: bool = True) -> int:
        """Returns how many passes this rank must run if it has ``count`` micro-batches.

        With gradients, each rank runs at least one pass, to synchronise them. Ranks with sharded weights all run the
        same number, because every pass gathers the weights.
        """
        if self.sharded:
            return self.ranks.all_max(count)
        return max(1, count) if gradients and self.ranks.size > 1 else count


def _shard(module: nn.Module) -> None:
    """Shards each encoder layer, then the remaining parameters, over all ranks."""
    from torch.distributed.fsdp import fully_shard

    for part in module.modules():
        if type(part).__name__.endswith(("Layer", "EncoderLayer")) and hasattr(part, "attention"):
            fully_shard(part)
    fully_shard(module)
