"""The processes of a run: who they are and what they tell each other. One process alone needs none of it.

``torchrun``, ``accelerate launch`` and ``finecl train --devices`` say who a process is by the variables RANK,
WORLD_SIZE and LOCAL_RANK. Tensors on GPUs travel by NCCL, all else by gloo.
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
_PATIENCE = timedelta(hours=2)  # rank 0 may be converting a large corpus while the others wait


@dataclass(frozen=True)
class Ranks:
    """This process among ``size``; ``local`` is its number on its machine. Alone, every exchange is a no-op."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def main(self) -> bool:
        """Whether this process talks and writes."""
        return self.rank == 0

    def all_sum(self, values: Sequence[float]) -> list[float]:
        """Sums over ranks, number by number."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return summed.tolist()

    def all_max(self, value: int) -> int:
        """The greatest of the ranks' numbers."""
        return max(self.all_gather_object(value)) if self.size > 1 else value

    def all_gather_object(self, thing: T) -> list[T]:
        """What every rank has, in their order."""
        found: list[Any] = [thing]
        if self.size > 1:
            found = [None] * self.size
            dist.all_gather_object(found, thing)
        return found

    def broadcast(self, thing: T) -> T:
        """What rank 0 has."""
        box = [thing]
        if self.size > 1:
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def rows(self, local_NH: Tensor, counts: Sequence[int]) -> Tensor:
        """The rows of all ranks, in their order; ``counts`` are their numbers. No gradient passes.

        Gloo gathers parts of one size only, so they are padded on the way.

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
        """Replaces an array by the sum, maximum or minimum over ranks, element by element."""
        if self.size == 1:
            return
        operation = {"sum": dist.ReduceOp.SUM, "max": dist.ReduceOp.MAX, "min": dist.ReduceOp.MIN}[how]
        shared = torch.from_numpy(array.view(np.uint8) if array.dtype == np.bool_ else array)
        dist.all_reduce(shared, op=operation)

    def barrier(self) -> None:
        """Until every rank is here."""
        if self.size > 1:
            dist.barrier()

    @contextlib.contextmanager
    def local_main_first(self) -> Iterator[None]:
        """The first process of each machine goes ahead (it fills the caches), then the others follow."""
        if self.local != 0:
            self.barrier()
        yield
        if self.local == 0:
            self.barrier()


def current() -> Ranks:
    """This process: alone, unless ``start`` found others."""
    if not (dist.is_available() and dist.is_initialized()):
        return Ranks()
    return Ranks(dist.get_rank(), dist.get_world_size(), int(os.environ.get("LOCAL_RANK", "0")))


def start() -> Ranks:
    """Joins the other processes if a launcher has started some.

    Raises:
        SettingsError: ``accelerate launch`` was asked for several processes but started only this one.
    """
    _check_launcher()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        gpu = torch.cuda.is_available()
        if gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=_PATIENCE)
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
    """Takes leave of the other processes."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def lost_a_peer(error: RuntimeError) -> bool:
    """Whether an exchange between ranks broke off because another one ended."""
    told = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process exited")
    return isinstance(error, dist.DistError) or any(text in str(error) for text in told)
