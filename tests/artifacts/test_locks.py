"""Two processes never write one run directory or one output at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finecl.artifacts.locks import only_writer
from finecl.errors import SettingsError
from tests.end_to_end.conftest import Finecl, Small, environment, finecl, finished_run, small

__all__ = ["finecl", "finished_run", "small"]
HOLDS = """
import sys
from pathlib import Path
from finecl.artifacts.locks import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A path whose lock another process holds."""
    path = tmp_path / "path"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield path
    process.kill()
    process.communicate()


def test_the_lock_of_another_process_is_named_and_ends_with_it(held: Path) -> None:
    with pytest.raises(SettingsError, match="path: another process works here"), only_writer(held):
        pass


def test_a_lock_may_be_held_twice_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".path.lock").touch()  # left by a killed process
    with only_writer(tmp_path / "path"), only_writer(tmp_path / "path"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["train", "predict"])
def test_a_command_does_not_write_where_another_process_does(
    command: str, held: Path, small: Small, finished_run: Path, finecl: Finecl
) -> None:
    if command == "train":
        complaint = finecl(*small.arguments(held)).error_line()
        assert not held.exists()
    else:
        (held.parent / ".path.lock").rename(held.parent / ".path.jsonl.lock")
        output = held.with_suffix(".jsonl")
        complaint = finecl("predict", "--quiet", finished_run, small.data / "test.jsonl", output).error_line()
        assert not output.exists()
    assert "another process works here" in complaint
