"""How a module is trained by several ranks: replicated (DDP) or sharded (FSDP2), behind one seam.

Both average gradients over ranks, so a rank multiplies its share of a step's loss by their number (design, rules of
numbers, 1). Gradients are exchanged once a step, on its last backward pass.
"""

from __future__ import annotations

import contextlib
from typing import Any, Literal

import torch
from torch import Tensor, nn

from finecl.distributed.process_group import Ranks

Sharding = Literal["ddp", "fsdp"]


class Parallel:
    """A module as its ranks train it. Call it as the module; backward passes go through ``backward``."""

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

    def __call__(self, *given: Any, last: bool) -> Any:
        """A forward pass. ``last`` says that the gradients of the step are exchanged on its backward pass."""
        if self.sharded:
            self._module.set_requires_gradient_sync(last)
            return self._module(*given)
        quiet = self.ranks.size > 1 and not last
        with self._module.no_sync() if quiet else contextlib.nullcontext():
            return self._module(*given)

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """Adds the gradients of this rank's share of the loss, which is a sum over all ranks."""
        quiet = self.ranks.size > 1 and not last and not self.sharded
        with self._module.no_sync() if quiet else contextlib.nullcontext():
            torch.autograd.backward(loss * self.ranks.size)

    def passes(self, count: int, *, gradients: bool = True) -> int:
        """How many passes this rank must make for ``count`` of its own.

        With gradients each rank makes at least one, on which they are exchanged; ranks that share the weights all
        make as many, because every pass gathers these.
        """
        if self.sharded:
            return self.ranks.all_max(count)
        return max(1, count) if gradients and self.ranks.size > 1 else count


def _shard(module: nn.Module) -> None:
    """Shards each encoder layer, then the rest, over all ranks."""
    from torch.distributed.fsdp import fully_shard

    for part in module.modules():
        if type(part).__name__.endswith(("Layer", "EncoderLayer")) and hasattr(part, "attention"):
            fully_shard(part)
    fully_shard(module)
