"""Conventions of character offsets: their unit, and whether ends are inclusive.

Tools in JavaScript count UTF-16 units, which differ from characters after an emoji; others count bytes. The text that a
file stores beside a span decides. Without one, spans must begin and end at words in one unit only; else the setting
``offsets`` has to say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from finecl.errors import FormatError
from finecl_formats.json_values import shortened

Offsets: TypeAlias = Literal["auto", "characters", "utf-16", "bytes"]
Ends: TypeAlias = Literal["auto", "exclusive", "inclusive"]


@dataclass(frozen=True)
class StoredSpan:
    """A span as a file gives it, the text stored beside it, and its place in the file."""

    start: int
    end: int
    text: str | None = None
    place: str = ""


@dataclass(frozen=True)
class Convention:
    """Unit of offsets and kind of ends; "auto" is read off the data. ``strict`` refuses stored texts that fit none."""

    offsets: Offsets = "auto"
    ends: Ends = "auto"
    strict: bool = True

    def characters(self, text: str, spans: Sequence[StoredSpan], place: str) -> list[tuple[int, int]]:
        """Returns the spans as characters ``[start, end)`` of the text.

        Raises:
            FormatError: a stored text differs from the span in every convention, or the data leave the unit open.
        """
        tried = [
            (_converted(text, spans, units), inclusive)
            for inclusive in (False, True)
            for units in ("characters", "utf-16", "bytes")
            if self.offsets in ("auto", units) and self.ends in ("auto", "inclusive" if inclusive else "exclusive")
        ]
        readings = [_shifted(reading) if inclusive else reading for reading, inclusive in tried]
        if any(span.text is not None for span in spans):
            fitting = [reading for reading in readings if _fits(text, spans, reading)]
            if fitting:
                return fitting[0]
            if self.strict:
                self._refuse(text, spans, readings[0])
            return readings[0]
        exclusive = [reading for reading, inclusive in tried if not inclusive or self.ends == "inclusive"]
        if self.ends == "inclusive":
            exclusive = [_shifted(reading) for reading in exclusive]
        if self.offsets != "auto" or exclusive[0] == exclusive[1]:
            return exclusive[0]
        at_words = [reading for reading in exclusive[:2] if _at_words(text, reading)]
        if len(at_words) == 1:
            return at_words[0]
        raise FormatError(
            f"{place}: expected a text beside each span, got none, so that the unit of offsets beside emojis is "
            "unknown; give --format-option offsets=characters, or utf-16 for tools in JavaScript"
        )

    @staticmethod
    def _refuse(text: str, spans: Sequence[StoredSpan], reading: Sequence[tuple[int, int]]) -> None:
        for span, (start, end) in zip(spans, reading, strict=True):
            within = 0 <= start < end <= len(text) and text[start:end].strip()
            if span.text is not None and within and _plain(text[start:end]) != _plain(span.text):
                expected = f"'{shortened(text[start:end])}', the characters [{span.start}, {span.end})"
                what = f"{span.place}: expected {expected}, got '{shortened(span.text)}'; was the text changed?"
                raise FormatError(f"{what} If the offsets count something else: --format-option offsets=utf-16|bytes")


def _converted(text: str, spans: Sequence[StoredSpan], units: str) -> list[tuple[int, int]]:
    """Returns spans in characters; those outside the text or within a character as they are."""
    if units == "characters" or text.isascii():
        return [(span.start, span.end) for span in spans]
    length = _utf_16_units if units == "utf-16" else _bytes
    at, place = {0: 0}, 0
    for number, character in enumerate(text, start=1):
        place += length(character)
        at[place] = number
    outside = len(text) + 1
    return [(at.get(span.start, outside), at.get(span.end, outside)) for span in spans]


def _utf_16_units(character: str) -> int:
    return 1 + (character > "\uffff")


def _bytes(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))  # half a surrogate pair has a length, too


def _shifted(reading: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(start, end + 1) for start, end in reading]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _fits(text: str, spans: Sequence[StoredSpan], reading: Sequence[tuple[int, int]]) -> bool:
    return all(
        0 <= start < end <= len(text) and (span.text is None or _plain(text[start:end]) == _plain(span.text))
        for span, (start, end) in zip(spans, reading, strict=True)
    )


def _at_words(text: str, reading: Sequence[tuple[int, int]]) -> bool:
    """Returns whether no span begins or ends within a word."""
    edges = {at for span in reading for at in span}
    inside = [0 <= start < end <= len(text) for start, end in reading]
    return all(inside) and not any(0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum() for at in edges)
