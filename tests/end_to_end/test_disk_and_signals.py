"""Full or protected disks, and Ctrl-C."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Finecl, Small, environment


def _unfinished(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.name.startswith(".")]


TABLES = {"scores.parquet", "scorers.parquet", "neighbours.parquet", "false_negatives.parquet"}


@pytest.mark.parametrize(
    ("where", "remaining"),
    [
        ("finecl.artifacts.files.os.getpid", set()),  # run.json
        ("pyarrow.parquet.write_table", {"run.json"}),
        ("finecl.models.pretrained.test_vectors", {"run.json", "metrics.json", *TABLES}),
        (
            "finecl.report.headline.tiles",
            {"run.json", "metrics.json", *TABLES, "encoder", "extractor", "predictions"},
        ),
    ],
)
def test_a_full_disk_leaves_nothing_half_written(
    where: str, remaining: set[str], small: Small, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(where, full)
        complaint = finecl(*small.arguments(tmp_path / "run")).error_line()
    assert "cannot write" in complaint
    assert ": No space left on device" in complaint
    assert _unfinished(tmp_path) == []
    assert {path.name for path in (tmp_path / "run").glob("*")} == remaining
    assert finecl(*small.arguments(tmp_path / "run")).code == 0  # resumes once there is space


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, large enough for the scores but not for an encoder."""
    at = tmp_path / "disk"
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(at)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root on Linux")
    yield at
    subprocess.run(["umount", "--lazy", str(at)], check=True)


def test_a_file_system_without_space(small: Small, small_disk: Path, finecl: Finecl) -> None:
    (small_disk / "other things").write_bytes(b"\0" * (150 << 10))
    result = finecl(*small.arguments(small_disk / "run"))
    assert "No space left on device" in result.error_line()
    assert _unfinished(small_disk) == []
    stages = json.loads((small_disk / "run" / "run.json").read_text())["stages"]
    assert set(stages) == {"score"}
    assert not (small_disk / "run" / "encoder").exists()


def test_a_file_where_the_run_should_go(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "file").write_text("mine")
    assert "cannot write" in finecl(*small.arguments(tmp_path / "file")).error_line()
    assert "cannot write" in finecl(*small.arguments(tmp_path / "file" / "run")).error_line()
    assert (tmp_path / "file").read_text() == "mine"


def _hears_control_c() -> None:
    """Restores the default handler of SIGINT, which a shell's background jobs and their children ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_control_c_writes_a_checkpoint_and_keeps_finished_stages(small: Small, tmp_path: Path) -> None:
    arguments = [a for a in small.arguments(tmp_path / "run", proxy__num_train_epochs=100_000) if a != "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "finecl_cli", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=_hears_control_c,
    )
    assert process.stderr is not None
    output = []
    try:
        for line in process.stderr:
            output.append(line)
            if line.startswith("proxy:"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, (output, err)
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("finecl: stopped by Ctrl-C before step "), err
    assert last.endswith(
        "of 'proxy'; a checkpoint is written; run the same command again, or add --resume, to continue"
    )
    assert "Traceback" not in err
    assert _unfinished(tmp_path) == []
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"run.json", "checkpoints"}
    (checkpoint,) = (tmp_path / "run" / "checkpoints" / "proxy").iterdir()
    assert {path.name for path in checkpoint.iterdir()} == {"state.json", "state.safetensors"}
    assert json.loads((tmp_path / "run" / "run.json").read_text())["stages"] == {}
    assert not (tmp_path / "cache" / "evidence").exists()
