"""Names of temporary files beside the files they become, and the removal of those that killed processes left."""

from __future__ import annotations

import glob
import os
import platform
import shutil
import sys
import zlib
from pathlib import Path

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"  # processes of other machines may share the directory


def beside(path: Path) -> Path:
    """Returns the temporary path of this process beside ``path``.

    Removes those that killed processes of this machine left.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.{_HOST}-*"):
        number = left.name.rpartition("-")[2]
        if number.isdecimal() and not _runs(int(number)):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{_HOST}-{os.getpid()}")


def _runs(number: int) -> bool:
    """Returns whether another process of this number may be running."""
    if number == os.getpid():
        return False
    if sys.platform == "win32":  # there, os.kill ends the process
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
