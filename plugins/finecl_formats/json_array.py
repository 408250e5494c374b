"""Streaming reader of one large JSON array, or of an object of arrays, in constant memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from finecl.errors import FormatError
from finecl_formats.files import open_binary
from finecl_formats.json_values import Value, shortened
from finecl_formats.text_lines import reject_constant

_PIECE = 1 << 18
_SPACE = " \t\r\n"
_LONGEST_LITERAL = 16  # characters of a keyword, number or escape that the end of a piece may cut


def read_array(path: Path, what: str = "document") -> Iterator[Value]:
    """Yields each member of the array in the file, with its line and number (from 1) as its place.

    Raises:
        FormatError: not UTF-8, not JSON, truncated, or not an array; names line and column.
    """
    with open_binary(path) as stream:
        text = _Text(path, stream)
        if text.peek() != "[":
            raise text.error("a list of documents, which begins with '['", text.next_character())
        for number, (line, value) in enumerate(_members(text), start=1):
            yield Value(value, f"{path}: line {line}, {what} {number}")
        text.end()


def read_arrays(path: Path) -> Iterator[tuple[str, Value]]:
    """Yields each member of each array of the object in the file, with the key of its array.

    Raises:
        FormatError: as in ``read_array``.
    """
    with open_binary(path) as stream:
        text = _Text(path, stream)
        if text.peek() != "{":
            raise text.error("an object of lists, which begins with '{'", text.next_character())
        delimiter = text.after("{", "}")
        while delimiter != "}":
            key = text.value()
            if not isinstance(key, str) or text.peek() != ":":
                raise text.error("a name and ':'", text.next_character())
            text.at += 1
            if text.peek() != "[":
                raise text.error(f"a list under '{shortened(key)}'", text.next_character())
            for number, (line, value) in enumerate(_members(text), start=1):
                yield key, Value(value, f"{path}: line {line}, {shortened(key)}, document {number}")
            delimiter = text.separator("}")
        text.end()


def _members(text: _Text) -> Iterator[tuple[int, Any]]:
    """Yields line and value of each member of the array that begins here; consumes its closing bracket."""
    delimiter = text.after("[", "]")
    while delimiter != "]":
        text.peek()
        line = text.line()
        yield line, text.value()
        delimiter = text.separator("]")


class _Text:
    """A buffered window of a file's text; ``at`` is the read position within it."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.at = 0
        self._path, self._stream = path, stream
        self._text = ""
        self._lines = 1  # the line and column, counted from 1, of the start of the buffer
        self._column = 1
        self._bytes = 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=reject_constant)

    def peek(self) -> str:
        """Returns the next character that is not white space; empty at the end of the file."""
        while True:
            while self.at < len(self._text) and self._text[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self._text) or not self._more():
                return self._text[self.at : self.at + 1]

    def after(self, opening: str, closing: str) -> str:
        """Consumes the opening bracket, and the closing one if it follows; returns the last one consumed."""
        self.at += len(opening)
        if self.peek() != closing:
            return opening
        self.at += 1
        return closing

    def separator(self, closing: str) -> str:
        """Consumes ',' or the closing bracket and returns it."""
        character = self.peek()
        if character not in (",", closing) or not character:
            raise self.error(f"',' or '{closing}' after a document", self.next_character())
        self.at += 1
        return character

    def end(self) -> None:
        """Raises FormatError unless the end of the file is reached."""
        if self.peek():
            raise self.error("the end of the file", self.next_character())

    def line(self) -> int:
        """Returns the line of the read position, from 1."""
        return self._place(self.at)[0]

    def next_character(self) -> str:
        """Returns the next character as shown in messages."""
        character = self.peek()
        return f"'{character}'" if character else "the end of the file"

    def value(self) -> Any:
        """Decodes and returns the next value."""
        self.peek()
        while True:
            start = self.at
            try:
                value, end = self._json.raw_decode(self._text, self.at)
            except json.JSONDecodeError as error:
                # An error at the end of the buffer may vanish with more text; any other is final.
                at_end = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _LONGEST_LITERAL
                if not at_end or not self._more():
                    self.at = error.pos if not at_end else error.pos - start  # _more() dropped the text before start
                    raise self.error("JSON", f"'{error.msg}'; is the file truncated?") from None
            except RecursionError:
                raise self.error("a document", "brackets nested too deeply") from None
            except ValueError as error:  # NaN, or a number of thousands of digits
                raise self.error("JSON", f"'{str(error).partition(';')[0]}'") from None
            else:
                # A number at the end of the buffer may continue in the next piece: 12|34.
                if end < len(self._text) or not self._more():
                    self.at = end
                    return value

    def error(self, expected: str, actual: str) -> FormatError:
        """Returns the FormatError that ``expected`` was expected at the read position."""
        line, column = self._place(self.at)
        advice = "" if "?" in actual else "; correct the file"
        return FormatError(f"{self._path}: line {line}, column {column}: expected {expected}, got {actual}{advice}")

    def _more(self) -> bool:
        """Doubles the buffer, so that a long value is decoded few times; False at the end of the file."""
        self._lines, self._column = self._place(self.at)
        self._text, self.at = self._text[self.at :], 0
        piece = self._stream.read(max(_PIECE, len(self._text)))
        pending = len(self._decoder.getstate()[0])
        try:
            self._text += self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            actual = f"byte {error.object[error.start]:#04x} at byte {self._bytes - pending + error.start}"
            raise FormatError(f"{self._path}: expected UTF-8, got {actual}; save the file as UTF-8") from None
        self._bytes += len(piece)
        return bool(piece)

    def _place(self, at: int) -> tuple[int, int]:
        newlines = self._text.count("\n", 0, at)
        column = at - self._text.rindex("\n", 0, at) if newlines else self._column + at
        return self._lines + newlines, column
