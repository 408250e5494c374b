"""Being told to stop: a training loop finishes its step, writes a checkpoint and ends with the signal's exit code."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SignalGuard:
    """Remembers the first signal; a second one takes its usual course at once."""

    def __init__(self) -> None:
        self.heard = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Signals are remembered in here, not obeyed. Off the main thread nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # What a shell tells its background jobs to ignore stays ignored.
        before = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN}

        def remember(number: int, _frame: FrameType | None) -> None:
            self.heard = number
            for each, handler in before.items():
                signal.signal(each, handler)

        for number in before:
            signal.signal(number, remember)
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        if self.heard:  # too late for the loop to answer
            signal.raise_signal(self.heard)
