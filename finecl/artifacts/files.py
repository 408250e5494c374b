"""Atomic writes of JSON, text, Parquet files and directories."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finecl.artifacts.temporary import beside
from finecl.errors import FormatError

CACHE = "FINECL_CACHE"
"""Environment variable with the path of the cache directory."""
CHECKSUM = "checksum"
"""Key of the checksum in the JSON records that finecl reads again."""


def cache_directory() -> Path:
    """Returns the directory of converted corpora, tokens and evidence: FINECL_CACHE, else the user's cache."""
    directory = os.environ.get(CACHE)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(directory).expanduser() if directory else Path(base).expanduser() / "finecl"


def write_json(path: Path, record: Mapping[str, Any] | list[Any]) -> None:
    """Writes a record as JSON, atomically; inf and NaN, which JSON lacks, become null."""
    write_text(path, json.dumps(_plain(record), indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text atomically as UTF-8; line endings are not converted."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_parquet(path: Path, columns: Mapping[str, Any]) -> None:
    """Writes columns of equal length as a Parquet file, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(pa.table(dict(columns)), temporary, write_page_checksum=True)


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields number (from 1) and content of each line of JSON lines that is not blank.

    Only a line feed ends a line: JSON strings may hold U+2028, U+2029 and U+0085, where ``str.splitlines`` splits.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; renames it to ``path`` on success and removes it on failure.

    Readers see either the old file or the complete new one. The parent directory is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        named = _named(error, path)
        if named is error:
            raise
        raise named from error
    finally:
        temporary.unlink(missing_ok=True)


def _named(error: OSError, path: Path) -> OSError:
    """Returns the error with the path of the file to write, where it names none."""
    if error.filename is not None or error.errno is None:
        return error
    return type(error)(error.errno, error.strerror, str(path))


@contextmanager
def replacing_directory(directory: Path) -> Iterator[Path]:
    """Yields an empty directory beside ``directory``; swaps it in on success and removes it on failure.

    A crash at any moment leaves a complete copy: the old one, under its name or aside as ``.NAME.previous`` (the next
    call moves it back), or the new one.
    """
    temporary, previous = (directory.with_name(f".{directory.name}.{state}") for state in ("unfinished", "previous"))
    if previous.exists() and not directory.exists():
        previous.rename(directory)
    shutil.rmtree(previous, ignore_errors=True)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if directory.exists():
            directory.rename(previous)
        temporary.rename(directory)
        shutil.rmtree(previous, ignore_errors=True)
    except OSError as error:
        named = _named(error, directory)
        if named is error:
            raise
        raise named from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_sealed_json(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a record as JSON, atomically, with a checksum of its values, which ``read_json`` checks."""
    plain = _plain(record)
    write_json(path, plain | {CHECKSUM: _checksum(plain)})


def parse_json(text: str) -> Any:
    """Returns the value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("brackets nested too deeply") from None


def read_json(path: Path) -> dict[str, Any]:
    """Reads the JSON record at ``path``, without its checksum; returns an empty one if the file does not exist.

    Raises:
        FormatError: the file is unreadable, not a JSON object, or was changed since its checksum was written.
    """
    if not path.exists():
        return {}
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: expected a JSON record: {error}; restore it or remove it") from None
    if not isinstance(record, dict):
        raise FormatError(f"{path}: expected a JSON object, got {type(record).__name__}; restore it or remove it")
    checksum = record.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(record):
        raise FormatError(
            f"{path}: was changed since finecl wrote it; restore it, or remove its '{CHECKSUM}' if the change is yours"
        )
    return record


def _checksum(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
