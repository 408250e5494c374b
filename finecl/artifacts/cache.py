"""Files of the cache: each is written with a hash beside it, and made again if it cannot be read or was changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from finecl.artifacts.files import replacing, write_text
from finecl.artifacts.provenance import digest

T = TypeVar("T")
_LOG = logging.getLogger("finecl")


def read_cached(path: Path, read: Callable[[Path], T]) -> T | None:
    """Returns ``read(path)``; None, and a note in the log "finecl", if the file was changed or cannot be read.

    None without a note if it does not exist.
    """
    if not path.exists():
        return None
    seal = _seal(path)
    try:
        if not seal.exists() or seal.read_text(encoding="ascii").strip() != digest(path):
            raise ValueError("it was changed since it was written")
        return read(path)
    except Exception as error:  # of any reader, on any damage
        _LOG.warning("%s cannot be read and is made again: %s", path, " ".join(str(error).split())[:200])
        return None


def write_cached(path: Path, write: Callable[[Path], None]) -> None:
    """Writes a file atomically by ``write(temporary path)``, and its hash beside it.

    The hash comes first: a process that is killed between the two leaves no file that would be read without its hash.
    """
    with ExitStack() as locked, replacing(path) as temporary:
        write(temporary)
        content = digest(temporary)
        locked.enter_context(FileLock(path.parent / "lock"))  # several processes may make the same file
        write_text(_seal(path), content)


def cached_arrow(path: Path, chunks: Callable[[], Iterable[Mapping[str, Any]]], features: Mapping[str, Any]) -> Any:
    """Returns the memory-mapped ``datasets.Dataset`` at ``path``; writes it from ``chunks()`` unless it can be read.

    ``features`` are as in ``datasets.Features``; a chunk holds one list for each feature.
    """
    dataset = read_cached(path, open_arrow)
    if dataset is None:
        write_cached(path, lambda file: write_arrow(file, chunks(), features))
        dataset = open_arrow(path)
    return dataset


def open_arrow(path: Path) -> Any:
    """Returns the memory-mapped ``datasets.Dataset`` in a file."""
    import datasets

    return datasets.Dataset.from_file(str(path))


def write_arrow(path: Path, chunks: Iterable[Mapping[str, Any]], features: Mapping[str, Any]) -> None:
    """Writes chunks, each with one list for each feature, as an Arrow file; see ``cached_arrow``."""
    import datasets
    from datasets.arrow_writer import ArrowWriter

    with ArrowWriter(features=datasets.Features(features), path=str(path)) as writer:
        for chunk in chunks:
            writer.write_batch(dict(chunk))
        writer.finalize()


def _seal(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
