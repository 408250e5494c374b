"""Interface through which the engine reports progress; the command line implements it for terminals."""

from __future__ import annotations

from collections.abc import Mapping


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
