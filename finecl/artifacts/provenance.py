"""Fingerprints of inputs, and the versions, machine and commit that a result depends on."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from finecl.errors import FormatError

_PACKAGES = ("finecl", "torch", "transformers", "datasets", "numpy", "tokenizers")


def fingerprint(*things: Any) -> str:
    """Returns a hash of ``things`` (JSON data) as 16 hexadecimal digits."""
    text = json.dumps(things, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def environment() -> dict[str, Any]:
    """Returns package versions, machine and commit of this run."""
    return {"versions": _versions(), "machine": _machine(), "commit": commit()}


def commit() -> str | None:
    """Returns the commit of finecl's checkout, with '+' if it has changes; None if finecl was installed from a wheel.

    A commit of another project, in whose checkout finecl is installed, is not returned.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return _git("describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*")


def _git(*arguments: str) -> str | None:
    """Returns the output of git in this folder; None if it fails or prints nothing."""
    here = Path(__file__).parent
    try:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _machine() -> dict[str, Any]:
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def peak_memory() -> int:
    """Returns the largest memory of this process so far, in bytes; 0 where the system does not say (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kibibytes elsewhere


def digest(path: Path) -> str:
    """Returns a hash of a file's content, or of the names and contents of the files in a folder."""
    try:
        if not path.is_dir():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        return fingerprint([(str(file.relative_to(path)), digest(file)) for file in inside])
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
