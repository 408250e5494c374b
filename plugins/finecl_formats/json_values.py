"""Values parsed from a file, with their location for error messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from finecl.errors import FormatError


@dataclass(frozen=True)
class Value:
    """A value and its location in a file; each method returns it as one type or raises a FormatError."""

    content: Any
    place: str

    def field(self, name: str) -> Value:
        """Returns a required field of an object."""
        fields = self._as(dict, "an object")
        if name not in fields:
            known = shortened(", ".join(map(str, fields)), 200) or "no fields"
            raise FormatError(f"{self.place}: expected the field '{name}', got {known}; add it or name another format")
        return Value(fields[name], f"{self.place}, {name}")

    def optional(self, name: str) -> Value | None:
        """Returns an optional field of an object; None if it is missing or null."""
        present = self._as(dict, "an object").get(name) is not None
        return self.field(name) if present else None

    def content_of(self, name: str) -> Any:
        """Returns the raw content of a field of an object; None if it is missing."""
        return self._as(dict, "an object").get(name)

    def items(self, what: str = "") -> Iterator[Value]:
        """Yields the members of a list; their places are ``what``, if not empty, and a number from 0."""
        for number, item in enumerate(self._as(list, "a list")):
            yield Value(item, f"{self.place}, {what} {number}" if what else f"{self.place}[{number}]")

    def text(self) -> str:
        """Returns the value as text."""
        text: str = self._as(str, "a text")
        return text

    def number(self) -> int:
        """Returns the value as a whole number of at most 63 bits."""
        if isinstance(self.content, bool):
            raise self.error("a whole number")
        number: int = self._as(int, "a whole number")
        if number.bit_length() > 63:
            raise self.error("a whole number below 2^63")
        return number

    def texts(self) -> tuple[str, ...]:
        """Returns the value as a list of texts."""
        texts = self._as(list, "a list of texts")
        if not all(isinstance(text, str) for text in texts):
            return tuple(item.text() for item in self.items())
        return tuple(texts)

    def span(self) -> tuple[int, int]:
        """Returns the value as two whole numbers: start and end."""
        numbers = self.numbers()
        if len(numbers) != 2:
            raise self.error("two numbers, first word and end")
        return numbers[0], numbers[1]

    def numbers(self) -> tuple[int, ...]:
        """Returns the value as a list of whole numbers."""
        return tuple(item.number() for item in self.items())

    def error(self, expected: str) -> FormatError:
        """Returns the FormatError that ``expected`` was expected here."""
        return FormatError(f"{self.place}: expected {expected}, got {describe(self.content)}; correct the file")

    def _as(self, kind: type, expected: str) -> Any:
        if not isinstance(self.content, kind):
            raise self.error(expected)
        return self.content


def shortened(text: str, limit: int = 60) -> str:
    """Returns a text for a message: on one line, cut after ``limit`` characters."""
    line = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= limit else f"{line[:limit]}..."


def describe(content: Any) -> str:
    """Returns a value for a message: its JSON type and its first 40 characters."""
    names = {dict: "an object", list: "a list", str: "the text", bool: "", int: "the number", float: "the number"}
    if content is None:
        return "null"
    if isinstance(content, int) and not isinstance(content, bool) and content.bit_length() > 200:
        return "a number of more than 60 digits"  # Python refuses to print numbers of more than 4,300 digits
    text = repr(content)
    return f"{names.get(type(content), type(content).__name__)} {text[:40]}{'...' if len(text) > 40 else ''}".strip()
