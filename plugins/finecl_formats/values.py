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
            known = ", ".join(map(str, fields)) or "no fields"
            raise FormatError(f"{self.place}: expected the field '{name}', got {known}; add it or name another format")
        return Value(fields[name], f"{self.place}, {name}")

    def optional(self, name: str) -> Value | None:
        """A field that an object may lack; null counts as lacking."""
        present = self._as(dict, "an object").get(name) is not None
        return self.field(name) if present else None

    def items(self, what: str = "") -> Iterator[Value]:
        """The members of a list; each is called by ``what``, if given, and its number from 0."""
        for number, item in enumerate(self._as(list, "a list")):
            yield Value(item, f"{self.place}, {what} {number}" if what else f"{self.place}[{number}]")

    def text(self) -> str:
        """A text."""
        found: str = self._as(str, "a text")
        return found

    def number(self) -> int:
        """A whole number."""
        if isinstance(self.content, bool):
            raise self.fault("a whole number")
        found: int = self._as(int, "a whole number")
        return found

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        texts = self._as(list, "a list of texts")
        if not all(isinstance(text, str) for text in texts):
            return tuple(item.text() for item in self.items())
        return tuple(texts)

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


def describe(content: Any) -> str:
    """A value in few words: its JSON type and how it begins."""
    names = {dict: "an object", list: "a list", str: "the text", bool: "", int: "the number", float: "the number"}
    if content is None:
        return "null"
    shown = repr(content)
    return f"{names.get(type(content), type(content).__name__)} {shown[:40]}{'...' if len(shown) > 40 else ''}".strip()
