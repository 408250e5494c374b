"""A file of the cache that cannot be read, or was changed, is made again with a note."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from finecl.artifacts.cache import read_cached, write_cached
from tests.end_to_end.conftest import Finecl, Small, environment, finecl, small

__all__ = ["finecl", "small"]


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _write(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "noise": lambda content: b"\xff" * 64 + content[64:],
    "a flipped bit": _flip,
}


def _read(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_changed_file_is_not_read(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "at" / "file"
    assert read_cached(path, _read) is None
    assert not caplog.records
    write_cached(path, _write)
    assert read_cached(path, _read) == bytes(range(256))
    path.write_bytes(damage(path.read_bytes()))
    assert read_cached(path, _read) is None
    assert f"{path} cannot be read and is made again: " in caplog.text
    assert sorted(p.name for p in path.parent.iterdir() if p.name != "lock") == ["file", "file.sha256"]


def test_a_file_without_a_hash_is_not_read(tmp_path: Path) -> None:
    write_cached(tmp_path / "file", _write)
    (tmp_path / "file.sha256").unlink()
    assert read_cached(tmp_path / "file", _read) is None


def test_a_file_whose_writer_was_killed_is_complete_and_has_its_hash_or_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from finecl.artifacts.cache import write_cached\n"
        "path, at = Path(sys.argv[1]), int(sys.argv[2])\n"
        "seen = 0\n"
        "def hook(event, arguments):\n"
        "    global seen\n"
        "    seen += event == 'os.rename'\n"
        "    if event == 'os.rename' and seen == at:\n"
        "        os.kill(os.getpid(), 9)\n"
        "sys.addaudithook(hook)\n"
        "write_cached(path, lambda temporary: temporary.write_bytes(b'content'))\n"
    )
    for at in (1, 2):
        subprocess.run([sys.executable, "-c", program, str(path), str(at)], env=environment(), check=False)
        assert read_cached(path, _read) is None, at
        assert len(list(tmp_path.glob(".*"))) > 0, at
    write_cached(path, _write)
    assert read_cached(path, _read) == bytes(range(256))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "file.sha256", "lock"]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_run_makes_damaged_files_of_the_cache_again(
    damage: Callable[[bytes], bytes], small: Small, tmp_path: Path, finecl: Finecl, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ["--stop-after", "score", "--scorer", "ensemble", "--set", "scorer.of=small-loss,knn"]
    assert finecl(*small.arguments(tmp_path / "one"), *arguments).code == 0
    files = [p for p in (tmp_path / "cache").rglob("*.*") if p.suffix in (".arrow", ".npy", ".safetensors", ".json")]
    assert {path.suffix for path in files} == {".arrow", ".npy", ".safetensors", ".json"}
    before = {path: path.read_bytes() for path in files}
    for path in files:
        path.write_bytes(damage(before[path]))
    with caplog.at_level(logging.WARNING, "finecl"):
        assert finecl(*small.arguments(tmp_path / "two"), *arguments).code == 0
    assert caplog.text.count("cannot be read and is made again") >= len(files) // 3
    tables = [(tmp_path / run / "scores.parquet").read_bytes() for run in ("one", "two")]
    assert tables[0] == tables[1]
    for path in files:
        if path.suffix in (".arrow", ".npy"):
            assert path.read_bytes() == before[path], path
