"""Fingerprints of inputs, and the versions, machine and commit behind a number."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from finecl.errors import FormatError

_PACKAGES = ("finecl", "torch", "transformers", "datasets", "numpy", "tokenizers")


def fingerprint(*things: Any) -> str:
    """Sixteen hex digits that change when any of ``things`` (JSON data) does."""
    text = json.dumps(things, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


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


def digest(path: Path) -> str:
    """A hash of what a file holds, or a folder: the names and the contents of its files."""
    try:
        if not path.is_dir():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        return fingerprint([(str(file.relative_to(path)), digest(file)) for file in inside])
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
