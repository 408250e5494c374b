"""Processes started by a launcher join each other or refuse to run; none trains alone by accident."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from finecl.distributed import process_group
from finecl.distributed.process_group import Ranks
from finecl.errors import SettingsError

LAUNCHERS = ("ACCELERATE_MIXED_PRECISION", "MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK")


@pytest.mark.parametrize("options", [["--cpu"], []], ids=["cpu", "without GPUs"])
def test_accelerate_launch_with_one_process_for_two_is_refused(options: list[str]) -> None:
    pytest.importorskip("accelerate", reason="the extra trackers is not installed")
    if not options:
        import torch

        if torch.cuda.device_count() > 1:
            pytest.skip("with several GPUs accelerate starts all processes")
    program = "from finecl.distributed import process_group; process_group.start()"
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *options, "--num_processes", "2", "--no_python"]
    environment = {name: value for name, value in os.environ.items() if name not in LAUNCHERS}
    done = subprocess.run(
        [*launcher, sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode != 0
    assert "use `finecl train --devices 2` or `torchrun" in done.stderr


def test_one_process_and_joined_processes_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    assert process_group.start() == Ranks()
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    assert process_group.start() == Ranks()
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    with pytest.raises(SettingsError, match="accelerate launch"):
        process_group.start()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert process_group.start() == Ranks()
