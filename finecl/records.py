"""What a run leaves behind: JSON records, written whole or not at all, and where their numbers came from."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from finecl.errors import FineCLError

_PACKAGES = ("finecl", "torch", "transformers", "datasets", "numpy", "tokenizers")


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


def environment() -> dict[str, Any]:
    """Versions, machine and commit: what else a number depends on."""
    return {"versions": _versions(), "machine": _machine(), "commit": commit()}


def commit() -> str | None:
    """The commit of finecl's own checkout, with '+' if it has changes; None where finecl was installed from a wheel.

    A virtual environment may stand inside another project's checkout: that commit says nothing of finecl.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return _git("describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*")


def _git(*arguments: str) -> str | None:
    """What git says in this folder; None if it fails."""
    where = Path(__file__).parent
    try:
        told = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


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
