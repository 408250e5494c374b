"""Runs a function in several processes of one process group, as a launcher does."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from finecl.distributed import process_group


def several(size: int, work: Callable[..., Any], directory: Path, *arguments: Any) -> list[Any]:
    """Returns the result of ``work(*arguments)`` on each of ``size`` ranks."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    directory.mkdir(parents=True, exist_ok=True)
    spawn: Any = getattr(torch.multiprocessing, "spawn")  # noqa: B009 - not exported by name
    spawn(_run, args=(size, port, directory, work, arguments), nprocs=size)
    return [torch.load(directory / f"{rank}.pt", weights_only=False) for rank in range(size)]


def _run(
    rank: int, size: int, port: int, directory: Path, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    os.environ.update({key: str(value) for key, value in variables.items()})
    torch.set_num_threads(1)
    process_group.start()
    torch.save(work(*arguments), directory / f"{rank}.pt")
    process_group.shutdown()
