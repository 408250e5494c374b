"""The same command in several processes, started and watched by torch's elastic launcher."""

from __future__ import annotations

import logging
import os
import sys

from finecl.errors import FineCLError, SettingsError


def devices_wanted(devices: int | None) -> bool:
    """Whether this process is to start others: more than one is asked for, and no launcher has started it.

    Raises:
        SettingsError: not a positive number.
    """
    if devices is not None and devices < 1:
        raise SettingsError(f"--devices: expected at least 1, got {devices}")
    return devices is not None and devices > 1 and "WORLD_SIZE" not in os.environ


def launch(devices: int, module: str, arguments: list[str]) -> int:
    """Runs ``python -m module`` with these arguments in ``devices`` processes; returns the exit code of the first to
    fail.

    Each says for itself what went wrong: rank 0 for all, another rank for what only it has met.
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
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # the ranks say themselves what went wrong
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
