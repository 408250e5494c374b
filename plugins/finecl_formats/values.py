"""Values from a file that know their place in it, so that a wrong one can be named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from finecl.errors import FormatError


@dataclass(frozen=True)
class Value:
    """What stands at a place of a file; every method returns it as one type or raises a FormatError."""

    content: Any
    place: str

    def field(self, name: str) -> Value:
        """A field that an object must have."""
        fields = self._as(dict, "an object")
        if name not in fields:
            known = shown(", ".join(map(str, fields)), 200) or "no fields"
            raise FormatError(f"{self.place}: expected the field '{name}', got {known}; add it or name another format")
        return Value(fields[name], f"{self.place}, {name}")

    def optional(self, name: str) -> Value | None:
        """A field that an object may lack; null counts as lacking."""
        present = self._as(dict, "an object").get(name) is not None
        return self.field(name) if present else None

    def content_of(self, name: str) -> Any:
        """What a field of an object holds, None if it lacks it."""
        return self._as(dict, "an object").get(name)

    def items(self, what: str = "") -> Iterator[Value]:
        """The members of a list; each is called by ``what``, if given, and its number from 0."""
        for number, item in enumerate(self._as(list, "a list")):
            yield Value(item, f"{self.place}, {what} {number}" if what else f"{self.place}[{number}]")

    def text(self) -> str:
        """A text."""
        found: str = self._as(str, "a text")
        return found

    def number(self) -> int:
        """A whole number of at most 63 bits."""
        if isinstance(self.content, bool):
            raise self.fault("a whole number")
        found: int = self._as(int, "a whole number")
        if found.bit_length() > 63:
            raise self.fault("a whole number below 2^63")
        return found

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        texts = self._as(list, "a list of texts")
        if not all(isinstance(text, str) for text in texts):
            return tuple(item.text() for item in self.items())
        return tuple(texts)

    def span(self) -> tuple[int, int]:
        """A list of two whole numbers."""
        found = self.numbers()
        if len(found) != 2:
            raise self.fault("two numbers, first word and end")
        return found[0], found[1]

    def numbers(self) -> tuple[int, ...]:
        """A list of whole numbers."""
        return tuple(item.number() for item in self.items())

    def fault(self, expected: str) -> FormatError:
        """The complaint that something else was expected here."""
        return FormatError(f"{self.place}: expected {expected}, got {describe(self.content)}; correct the file")

    def _as(self, kind: type, expected: str) -> Any:
        if not isinstance(self.content, kind):
            raise self.fault(expected)
        return self.content


def shown(text: str, limit: int = 60) -> str:
    """A text as a message shows it: on one line, and no more of it than that."""
    line = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= limit else f"{line[:limit]}..."


def describe(content: Any) -> str:
    """A value in few words: its JSON type and how it begins."""
    names = {dict: "an object", list: "a list", str: "the text", bool: "", int: "the number", float: "the number"}
    if content is None:
        return "null"
    if isinstance(content, int) and not isinstance(content, bool) and content.bit_length() > 200:
        return "a number of more than 60 digits"  # Python refuses to print the longest
    found = repr(content)
    return f"{names.get(type(content), type(content).__name__)} {found[:40]}{'...' if len(found) > 40 else ''}".strip()
