"""Shows the texts of others on a terminal: control characters and bidirectional controls become visible escapes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

# C0 but tab and line feed, delete and C1, separators of lines, marks and overrides of direction, lone surrogates
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_WIDE = 1000  # columns of a console without a terminal


def visible(text: str) -> str:
    r"""Returns a text in which characters that steer a terminal are written as escapes, such as \x1b."""
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


class VisibleStream:
    """A text stream that writes only visible text to ``raw``; its other attributes are those of ``raw``."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Writes a text and returns its length."""
        if not isinstance(text, str):
            raise TypeError(f"expected text, got {type(text).__name__}")
        self.raw.write(visible(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


@contextmanager
def visible_output() -> Iterator[None]:
    """Within the context, what is printed is visible text; ``console`` prints its own colours to the raw streams."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (VisibleStream(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def console(*, stderr: bool = False, quiet: bool = False) -> Any:
    """Returns a console of rich that shows texts as they are, without markup, and control characters as escapes.

    Where there is no terminal, lines are as long as their content, so that nothing is cut.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class VisibleConsole(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else visible(text), style, control)

    stream = sys.stderr if stderr else sys.stdout
    file = getattr(stream, "raw", stream)
    piped = not file.isatty() and "COLUMNS" not in os.environ
    return VisibleConsole(
        file=file, quiet=quiet, width=_WIDE if piped else None, markup=False, highlight=False, emoji=False
    )
