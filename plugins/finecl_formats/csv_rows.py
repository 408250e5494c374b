"""Rows of CSV and TSV files: reading them as records, and copying them with other values in one column."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from finecl.errors import FormatError
from finecl_formats.files import open_binary, replacing
from finecl_formats.json_values import Value
from finecl_formats.text_lines import decode_utf8


def read_rows(path: Path) -> Iterator[Value | FormatError]:
    """Yields the rows as objects of texts by column; an error in the place of a row with other fields.

    Raises:
        FormatError: the file cannot be read, or its quotes do not close.
    """
    with open_binary(path) as stream:
        lines = _Lines(stream, path)
        for number, row in enumerate(_parsed(lines, path), start=1):
            place = f"{path}: row {number}"
            if len(row) == len(lines.names):
                yield Value(dict(zip(lines.names, row, strict=True)), place)
            elif row:
                advice = "put texts that hold the separator into double quotes"
                yield FormatError(f"{place}: expected {len(lines.names)} fields, got {len(row)}; {advice}")


def copy_rows(source: Path, path: Path, column: Callable[[Sequence[str]], str], values: Iterable[str | None]) -> None:
    """Copies the rows of ``source`` to ``path``, with ``values`` in one column; None leaves a row out.

    ``column`` returns the column's name from the names of all. Header, rows whose value stays, and empty lines are
    copied byte by byte.

    Raises:
        FormatError: the file cannot be read or written.
    """
    value_of_row = iter(values)
    with open_binary(source) as stream, replacing(path) as unfinished, unfinished.open("wb") as copy:
        lines = _Lines(stream, source)
        at = lines.names.index(column(lines.names))
        copy.write(lines.taken())
        for row in _parsed(lines, source):
            content = lines.taken()
            if len(row) == len(lines.names):
                value = next(value_of_row)
                if value is None:
                    continue
                if value != row[at]:
                    end = "\r\n" if content.endswith(b"\r\n") else "\n"
                    content = _written([*row[:at], value, *row[at + 1 :]], lines.delimiter, end)
            copy.write(content)
        copy.write(lines.taken())  # empty lines at the end


def delimiter_of(header: str) -> str:
    """Returns the separator of the header's names: tab, semicolon or comma."""
    return max("\t;,", key=header.count)


class _Lines:
    """Iterator of the lines after the header, which remembers the bytes since they were last taken."""

    def __init__(self, stream: Iterable[bytes], path: Path) -> None:
        self._stream, self._path, self._number, self._bytes = iter(stream), path, 0, bytearray()
        header = next(self, "")
        self.delimiter = delimiter_of(header)
        try:
            self.names = [name.strip().lower() for name in next(csv.reader([header], delimiter=self.delimiter), [])]
        except csv.Error as error:
            raise _error(path, error) from None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._stream)
        self._number += 1
        self._bytes += line
        return decode_utf8(line, f"{self._path}: line {self._number}")

    def taken(self) -> bytes:
        """Returns the bytes of the lines since the last call."""
        content = bytes(self._bytes)
        self._bytes.clear()
        return content


def _parsed(lines: _Lines, path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(sys.maxsize)
    try:
        yield from csv.reader(lines, delimiter=lines.delimiter, strict=True)
    except csv.Error as error:
        raise _error(path, error) from None


def _error(path: Path, error: csv.Error) -> FormatError:
    return FormatError(f"{path}: expected separated values, got '{error}'; correct the quotes")


def _written(row: Sequence[str], delimiter: str, end: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerow(row)
    return text.getvalue().encode()
