"""Interface through which the engine reports progress, and progress bars for Python scripts and notebooks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


class Listener:
    """Receives progress reports of a run. The base class ignores them; override the methods you need."""

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """Starts a stage of ``total`` units of work; if ``total`` is None (unknown), ``end`` is called at its end."""

    def advance(self, amount: int, figures: str = "") -> None:
        """Reports ``amount`` more finished units; ``figures`` is a short text, such as the loss."""

    def end(self) -> None:
        """Ends a stage whose number of units was unknown."""

    def note(self, text: str) -> None:
        """Reports one line of text to the user."""

    def measured(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """Reports the losses of a step, or the results of a stage."""


_SELDOM = 10.0  # seconds


class ProgressBars(Listener):
    """Shows a bar for each stage on stderr, or in a notebook, and notes as lines."""

    def __init__(self) -> None:
        self._bar: Any = None

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """Opens a bar; without a total it only counts."""
        from tqdm.auto import tqdm

        redrawn = sys.stderr.isatty() or "ipykernel" in sys.modules  # else each state of a bar is a line of a log
        self._bar = tqdm(desc=stage, total=total, unit=f" {unit}", mininterval=0.1 if redrawn else _SELDOM)

    def advance(self, amount: int, figures: str = "") -> None:
        """Advances the bar, with ``figures`` beside it; closes it when its total is reached."""
        self._bar.set_postfix_str(figures, refresh=False)
        self._bar.update(amount)
        if self._bar.total is not None and self._bar.n >= self._bar.total:
            self._bar.close()

    def end(self) -> None:
        """Closes a bar without a total."""
        self._bar.close()

    def note(self, text: str) -> None:
        """Prints a line between the bars."""
        from tqdm.auto import tqdm

        tqdm.write(text, file=sys.stderr)
