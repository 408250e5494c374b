"""Ctrl-C and SIGTERM outside training loops, which install handlers that write a checkpoint first.

While modules are imported, an exception could be swallowed, or turned into another, by the library that is imported:
the process then ends at once. This module imports little, so that the handlers are installed early.
"""

from __future__ import annotations

import os
import signal
from types import FrameType


def install() -> None:
    """Installs the handlers; signals that a shell makes its background jobs ignore remain ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    if _importing(frame):
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        os.write(2, f"finecl: stopped by {name} at the start; run the same command again\n".encode())
        os._exit(128 + number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    from finecl.errors import StoppedError

    raise StoppedError(number, "between checkpoints; finished stages are kept")


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
