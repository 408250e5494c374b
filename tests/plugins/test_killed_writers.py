"""What a killed process left beside an output is removed by the next one that writes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from finecl_formats.files import replacing, replacing_folder

from tests.end_to_end.conftest import environment

PROGRAM = """
import os, sys
from pathlib import Path
from finecl_formats.files import replacing, replacing_folder
folder = sys.argv[2] == "folder"
with (replacing_folder if folder else replacing)(Path(sys.argv[1])) as temporary:
    (temporary / "half" if folder else temporary).write_text("half")
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_next_writer_removes_what_a_killed_one_left_but_not_what_another_writes(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "out[1]"
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path), kind], env=environment(), check=False, timeout=60)
    assert done.returncode == -9
    (left,) = tmp_path.iterdir()
    running = tmp_path / left.name.replace(left.name.rpartition("-")[2], "1")  # the first process of the system runs
    running.write_text("of a process that runs")
    with (replacing_folder if kind == "folder" else replacing)(path) as temporary:
        (temporary / "whole" if kind == "folder" else temporary).write_text("whole")
    assert {each.name for each in tmp_path.iterdir()} == {path.name, running.name}
