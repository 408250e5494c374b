"""JSON objects, one a line, and text lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl_formats.files import opened
from finecl_formats.values import Value


def refuse_constant(name: str) -> Any:
    """NaN and Infinity are no JSON, though Python reads them."""
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


def read_lines(path: Path) -> Iterator[Value | FormatError]:
    """The value of every line; a fault in the place of one that is no JSON; empty lines are passed over.

    Raises:
        FormatError: the file cannot be read.
    """
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _parse(line, f"{path}: line {number}")


def read_text_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file without their ends, whichever these are, and the place of each.

    Raises:
        FormatError: the file cannot be read, or is not UTF-8.
    """
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            place = f"{path}: line {number}"
            yield place, decoded(line, place).rstrip("\r\n")


def decoded(content: bytes, place: str) -> str:
    """Bytes as text.

    Raises:
        FormatError: they are not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        came = f"byte {content[error.start]:#04x}"
        message = f"{place}, column {error.start + 1}: expected UTF-8, got {came}; save the file as UTF-8"
    raise FormatError(message)


def _parse(line: bytes, place: str) -> Value | FormatError:
    try:
        return Value(_DECODER.decode(decoded(line, place)), place)
    except FormatError as error:
        return error
    except json.JSONDecodeError as error:
        what = f"{place}, column {error.pos + 1}: expected a JSON object, got '{error.msg}'; is the file truncated?"
    except RecursionError:
        what = f"{place}: expected a document, got brackets nested too deeply; correct the line"
    except ValueError as error:  # NaN, or a number of thousands of digits
        what = f"{place}: expected a JSON object, got '{str(error).partition(';')[0]}'; correct the line"
    return FormatError(what)
