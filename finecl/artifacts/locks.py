"""Locks, so that one process at a time writes a run directory or an output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from finecl.errors import SettingsError


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Holds the lock of a directory or file to write; within one thread it may be held several times.

    The lock is the file ``.NAME.lock`` beside it, which is removed at the end; one that a killed process left is
    taken over.

    Raises:
        SettingsError: another process, or another thread, holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.resolve().with_name(f".{path.resolve().name}.lock")
    lock = FileLock(file, timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise SettingsError(f"{path}: another process works here; wait until it ends, or choose another path") from None
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            file.unlink(missing_ok=True)
        lock.release()
