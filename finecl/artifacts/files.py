"""Atomic writes of JSON, text, Arrow files and directories."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finecl.errors import FineCLError


def write_json(path: Path, record: Mapping[str, Any] | list[Any]) -> None:
    """Writes a record; numbers that JSON cannot hold (inf, NaN) become null."""
    write_text(path, json.dumps(_plain(record), indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text, its lines ending as they stand; the file appears whole, or stays as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def replacing_directory(directory: Path) -> Iterator[Path]:
    """An empty directory to write into; it takes the place of ``directory`` if all goes well, else it vanishes."""
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        shutil.rmtree(directory, ignore_errors=True)
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_json(path: Path) -> dict[str, Any]:
    """The record at ``path``; empty if there is none.

    Raises:
        FineCLError: the file is not a JSON object.
    """
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FineCLError(f"{path}: expected a JSON record: {error}; restore it or remove it") from None
    if not isinstance(record, dict):
        raise FineCLError(f"{path}: expected a JSON object, got {type(record).__name__}")
    return record


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def write_arrow(path: Path, chunks: Callable[[], Iterable[Mapping[str, Any]]], features: Mapping[str, Any]) -> Any:
    """The memory-mapped ``datasets.Dataset`` at ``path``; written from ``chunks()`` first, if it is not there.

    ``features`` are those of ``datasets.Features``; a chunk holds one list for each of them.
    """
    import datasets
    from datasets.arrow_writer import ArrowWriter

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with ArrowWriter(features=datasets.Features(features), path=str(unfinished)) as writer:
                for chunk in chunks():
                    writer.write_batch(dict(chunk))
                writer.finalize()
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return datasets.Dataset.from_file(str(path))


CACHE = "FINECL_CACHE"


def cache_directory() -> Path:
    """Where converted corpora, tokens and evidence are kept: FINECL_CACHE, else the user's cache."""
    given = os.environ.get(CACHE)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(given).expanduser() if given else Path(base).expanduser() / "finecl"
