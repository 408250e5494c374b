"""Runs a command in several processes with torch's elastic launcher."""

from __future__ import annotations

import logging
import os
import sys

from finecl.errors import FineCLError, SettingsError


def devices_wanted(devices: int | None) -> bool:
    """Returns whether this process must launch others: ``devices`` is over 1 and no launcher started this process.

    Raises:
        SettingsError: ``devices`` is not positive.
    """
    if devices is not None and devices < 1:
        raise SettingsError(f"--devices: expected at least 1, got {devices}")
    return devices is not None and devices > 1 and "WORLD_SIZE" not in os.environ


def launch(devices: int, module: str, arguments: list[str]) -> int:
    """Runs ``python -m module`` with these arguments in ``devices`` processes.

    Returns the exit code of the first process that failed, or 0. Processes print their own errors: rank 0 those of
    all ranks, other ranks only those that rank 0 does not have.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _check(devices)
    threads = max(1, (os.cpu_count() or 1) // devices)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(),
        run_id="finecl",
    )
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # the ranks print their errors
    try:
        elastic_launch(config, sys.executable)("-m", module, *arguments)
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        return failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode
    return 0


def _check(devices: int) -> None:
    import torch

    gpus = torch.cuda.device_count()
    if gpus and devices > gpus:
        raise FineCLError(f"--devices: expected at most {gpus}, the number of GPUs here, got {devices}")
