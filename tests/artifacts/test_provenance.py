"""Peak memory, also where the module ``resource`` does not exist, and what killed processes left."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from finecl.artifacts.files import replacing, replacing_directory, write_text
from finecl.artifacts.provenance import peak_memory
from finecl.config.resolve import resolve
from finecl.errors import SettingsError


def test_peak_memory_is_zero_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert peak_memory() > 1_000_000
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() == 0


def test_no_module_imports_resource_when_it_is_loaded() -> None:
    """It does not exist on Windows."""
    root = Path(__file__).parents[2]
    folders = ("finecl", "plugins", "cli", "benchmarks")
    for path in (path for folder in folders for path in (root / folder).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {"resource", "fcntl", "pwd"} & set(names), path


def test_what_a_killed_process_left_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from finecl.artifacts.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "file[1]")], check=False, timeout=60)
    assert len(list(tmp_path.iterdir())) == 1
    running = tmp_path / next(tmp_path.iterdir()).name.replace(next(tmp_path.iterdir()).name.rpartition("-")[2], "1")
    running.write_text("of a process that runs")
    write_text(tmp_path / "file[1]", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"file[1]", running.name}


@pytest.mark.parametrize("writer", [replacing, replacing_directory])
def test_a_full_disk_names_the_file(writer: object, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(OSError, match="No space left") as caught, writer(path):  # type: ignore[operator]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", [2**63, 2**64, -1])
def test_a_seed_outside_of_its_range_is_refused(seed: int) -> None:
    with pytest.raises(SettingsError, match="seed: expected at least 0 and below"):
        resolve(overrides={"seed": seed})
