"""The process group of a run and its collective operations; with a single process they do nothing.

``torchrun``, ``accelerate launch`` and ``finecl train --devices`` set the variables RANK, WORLD_SIZE and LOCAL_RANK.
Tensors on GPUs are communicated by NCCL, everything else by gloo.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor

from finecl.errors import SettingsError

T = TypeVar("T")
_TIMEOUT = timedelta(hours=2)  # rank 0 may convert a large corpus while the others wait


@dataclass(frozen=True)
class Ranks:
    """Rank of this process among ``size`` processes; ``local`` is its rank on its machine.

    With one process, every collective operation is a no-op.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def main(self) -> bool:
        """Returns whether this process prints and writes files: it has rank 0."""
        return self.rank == 0

    def all_sum(self, values: Sequence[float]) -> list[float]:
        """Returns the elementwise sums over ranks."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return summed.tolist()

    def all_max(self, value: int) -> int:
        """Returns the maximum over ranks."""
        return max(self.all_gather_object(value)) if self.size > 1 else value

    def all_gather_object(self, thing: T) -> list[T]:
        """Returns the objects of all ranks, in the order of ranks."""
        gathered: list[Any] = [thing]
        if self.size > 1:
            gathered = [None] * self.size
            dist.all_gather_object(gathered, thing)
        return gathered

    def broadcast(self, thing: T) -> T:
        """Returns the object of rank 0."""
        objects = [thing]
        if self.size > 1:
            dist.broadcast_object_list(objects, src=0)
        return objects[0]

    def rows(self, local_NH: Tensor, counts: Sequence[int]) -> Tensor:
        """Gathers the rows of all ranks, in the order of ranks; ``counts`` has each rank's number. No gradient flows.

        Gloo gathers tensors of equal size only, so the rows are padded for the exchange.

        *Shape:* ``local_NH`` [counts[rank], H]; the result [sum of counts, H].
        """
        if self.size == 1:
            return local_NH
        padded = local_NH.new_zeros((max(counts), *local_NH.shape[1:]))
        padded[: len(local_NH)] = local_NH
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    def merge(self, array: npt.NDArray[Any], how: Literal["sum", "max", "min"]) -> None:
        """Replaces an array in place by the elementwise sum, maximum or minimum over ranks."""
        if self.size == 1:
            return
        operation = {"sum": dist.ReduceOp.SUM, "max": dist.ReduceOp.MAX, "min": dist.ReduceOp.MIN}[how]
        shared = torch.from_numpy(array.view(np.uint8) if array.dtype == np.bool_ else array)
        dist.all_reduce(shared, op=operation)

    def barrier(self) -> None:
        """Waits until every rank has called it."""
        if self.size > 1:
            dist.barrier()

    @contextlib.contextmanager
    def local_main_first(self) -> Iterator[None]:
        """Runs the block on the first process of each machine, which fills the caches, then on the others."""
        if self.local != 0:
            self.barrier()
        yield
        if self.local == 0:
            self.barrier()


def current() -> Ranks:
    """Returns the rank of this process; rank 0 of 1 if no process group was started."""
    if not (dist.is_available() and dist.is_initialized()):
        return Ranks()
    return Ranks(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))


def start() -> Ranks:
    """Joins the process group if a launcher has started several processes.

    Raises:
        SettingsError: ``accelerate launch`` was asked for several processes but started only this one.
    """
    _check_launcher()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        gpu = torch.cuda.is_available()
        if gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=_TIMEOUT)
    return current()


def _check_launcher() -> None:
    """Refuses accelerate's "simple" launcher with ``--num_processes`` above 1, as with ``--cpu``.

    It starts one process and sets MASTER_ADDR, but neither RANK nor WORLD_SIZE (accelerate.utils.launch,
    prepare_simple_launcher_cmd_env).
    """
    if {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR"} <= os.environ.keys() and "WORLD_SIZE" not in os.environ:
        raise SettingsError(
            "`accelerate launch` started one process where several were expected (it does so without several GPUs, "
            "or with --cpu): use `finecl train --devices 2` or `torchrun --nproc-per-node 2 -m finecl_cli train`"
        )


def shutdown() -> None:
    """Leaves the process group."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def lost_a_peer(error: RuntimeError) -> bool:
    """Returns whether a collective operation failed because another process ended."""
    texts = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process exited")
    return isinstance(error, dist.DistError) or any(text in str(error) for text in texts)
