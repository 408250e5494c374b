"""How the engine says what it does, without knowing of screens. The command line draws it."""

from __future__ import annotations

from collections.abc import Mapping


class Listener:
    """Hears of a run's progress. This one keeps silent; override what should be heard."""

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """A stage of ``total`` units of work begins; None where that is not known, and ``end`` says when it is over."""

    def advance(self, amount: int, figures: str = "") -> None:
        """``amount`` units more are done; ``figures`` is a short text, such as the loss."""

    def end(self) -> None:
        """A stage whose number of units was not known is over."""

    def note(self, text: str) -> None:
        """One line that the user should know of."""

    def measured(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """Losses of a step, or the results of a stage."""
