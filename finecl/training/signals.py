"""Deferred SIGINT and SIGTERM: a training loop finishes its step, saves a checkpoint and ends with the signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SignalGuard:
    """Defers the first signal; a second one terminates immediately.

    ``heard`` is the number of the deferred signal, or 0.
    """

    def __init__(self) -> None:
        self.heard = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Defers signals within the context. Does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # Signals that a shell makes its background jobs ignore remain ignored.
        before = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN}

        def defer(number: int, _frame: FrameType | None) -> None:
            self.heard = number
            for other, handler in before.items():
                signal.signal(other, handler)

        for number in before:
            signal.signal(number, defer)
        try:
            yield
        finally:
            for other, handler in before.items():
                signal.signal(other, handler)
        if self.heard:  # received after the loop's last check
            signal.raise_signal(self.heard)
