"""Runs a function in several processes that know each other, as a launcher would start them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from finecl.distributed import process_group


def several(size: int, work: Callable[..., Any], directory: Path, *given: Any) -> list[Any]:
    """What ``work(*given)`` returns on each of ``size`` ranks."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    directory.mkdir(parents=True, exist_ok=True)
    spawn: Any = getattr(torch.multiprocessing, "spawn")  # noqa: B009 - not exported by name
    spawn(_run, args=(size, port, directory, work, given), nprocs=size)
    return [torch.load(directory / f"{rank}.pt", weights_only=False) for rank in range(size)]


def _run(rank: int, size: int, port: int, directory: Path, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    os.environ.update({key: str(value) for key, value in told.items()})
    torch.set_num_threads(1)
    process_group.start()
    torch.save(work(*given), directory / f"{rank}.pt")
    process_group.shutdown()
