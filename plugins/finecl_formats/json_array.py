"""The members of one large JSON array, or of the arrays of one object, without holding them all."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from finecl.errors import FormatError
from finecl_formats.files import opened
from finecl_formats.lines import refuse_constant
from finecl_formats.values import Value, shown

_PIECE = 1 << 18
_SPACE = " \t\r\n"
_LONGEST_LITERAL = 16  # characters of a word, number or escape that a piece may cut


def read_array(path: Path, what: str = "document") -> Iterator[Value]:
    """Every member of the array that the file holds, and its place: line and number, from 1.

    Raises:
        FormatError: not UTF-8, not JSON, cut off, or not an array; names line and column.
    """
    with opened(path) as stream:
        text = _Text(path, stream)
        if text.peek() != "[":
            raise text.fault("a list of documents, which begins with '['", text.seen())
        for number, (line, value) in enumerate(_members(text), start=1):
            yield Value(value, f"{path}: line {line}, {what} {number}")
        text.end()


def read_arrays(path: Path) -> Iterator[tuple[str, Value]]:
    """Every member of every array of the object that the file holds, with the key of its array.

    Raises:
        FormatError: as of ``read_array``.
    """
    with opened(path) as stream:
        text = _Text(path, stream)
        if text.peek() != "{":
            raise text.fault("an object of lists, which begins with '{'", text.seen())
        sign = text.after("{", "}")
        while sign != "}":
            key = text.value()
            if not isinstance(key, str) or text.peek() != ":":
                raise text.fault("a name and ':'", text.seen())
            text.at += 1
            if text.peek() != "[":
                raise text.fault(f"a list under '{shown(key)}'", text.seen())
            for number, (line, value) in enumerate(_members(text), start=1):
                yield key, Value(value, f"{path}: line {line}, {shown(key)}, document {number}")
            sign = text.separator("}")
        text.end()


def _members(text: _Text) -> Iterator[tuple[int, Any]]:
    """Lines and values of the members of the array that begins here, up to and with its closing bracket."""
    sign = text.after("[", "]")
    while sign != "]":
        text.peek()
        line = text.line()
        yield line, text.value()
        sign = text.separator("]")


class _Text:
    """A file's text, of which only what is needed next is held; ``at`` is the place that is read next."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.at = 0
        self._path, self._stream = path, stream
        self._text = ""
        self._lines = 1  # the line and column, counted from 1, of the start of what is held
        self._column = 1
        self._bytes = 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=refuse_constant)

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            while self.at < len(self._text) and self._text[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self._text) or not self._more():
                return self._text[self.at : self.at + 1]

    def after(self, opening: str, closing: str) -> str:
        """Passes the opening bracket; the closing one if it follows at once, which is passed too."""
        self.at += len(opening)
        if self.peek() != closing:
            return opening
        self.at += 1
        return closing

    def separator(self, closing: str) -> str:
        """Passes ',' or the closing bracket, and says which."""
        sign = self.peek()
        if sign not in (",", closing) or not sign:
            raise self.fault(f"',' or '{closing}' after a document", self.seen())
        self.at += 1
        return sign

    def end(self) -> None:
        """Passes if nothing is left."""
        if self.peek():
            raise self.fault("the end of the file", self.seen())

    def line(self) -> int:
        """The line of the place that is read next, from 1."""
        return self._place(self.at)[0]

    def seen(self) -> str:
        """The next character as messages show it."""
        character = self.peek()
        return f"'{character}'" if character else "the end of the file"

    def value(self) -> Any:
        """The next value."""
        self.peek()
        while True:
            start = self.at
            try:
                value, end = self._json.raw_decode(self._text, self.at)
            except json.JSONDecodeError as error:
                # Only what stands at the end of the piece may be right in the light of the next one.
                at_end = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _LONGEST_LITERAL
                if not at_end or not self._more():
                    self.at = error.pos if not at_end else error.pos - start  # what stood before has been let go
                    raise self.fault("JSON", f"'{error.msg}'; is the file truncated?") from None
            except RecursionError:
                raise self.fault("a document", "brackets nested too deeply") from None
            except ValueError as error:  # NaN, or a number of thousands of digits
                raise self.fault("JSON", f"'{str(error).partition(';')[0]}'") from None
            else:
                # What ends where the piece ends may go on in the next: 12|34.
                if end < len(self._text) or not self._more():
                    self.at = end
                    return value

    def fault(self, expected: str, came: str) -> FormatError:
        """The complaint that something else was expected at this place."""
        line, column = self._place(self.at)
        cure = "" if "?" in came else "; correct the file"
        return FormatError(f"{self._path}: line {line}, column {column}: expected {expected}, got {came}{cure}")

    def _more(self) -> bool:
        """Reads as much again as is held, so that a long value is not tried often; False at the end of the file."""
        self._lines, self._column = self._place(self.at)
        self._text, self.at = self._text[self.at :], 0
        piece = self._stream.read(max(_PIECE, len(self._text)))
        pending = len(self._decoder.getstate()[0])
        try:
            self._text += self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            came = f"byte {error.object[error.start]:#04x} at byte {self._bytes - pending + error.start}"
            raise FormatError(f"{self._path}: expected UTF-8, got {came}; save the file as UTF-8") from None
        self._bytes += len(piece)
        return bool(piece)

    def _place(self, at: int) -> tuple[int, int]:
        newlines = self._text.count("\n", 0, at)
        column = at - self._text.rindex("\n", 0, at) if newlines else self._column + at
        return self._lines + newlines, column
