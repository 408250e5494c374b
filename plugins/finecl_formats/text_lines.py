"""Readers of JSON Lines and of text lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl_formats.files import open_binary
from finecl_formats.json_values import Value


def reject_constant(name: str) -> Any:
    """Rejects NaN and Infinity, which are not JSON although Python reads them."""
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=reject_constant)


def read_json_lines(path: Path) -> Iterator[Value | FormatError]:
    """Yields the value of each line, or the error if the line is not JSON; skips empty lines.

    Raises:
        FormatError: the file cannot be read.
    """
    with open_binary(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _parse(line, f"{path}: line {number}")


def read_text_lines(path: Path) -> Iterator[tuple[str, str]]:
    r"""Yields place and text of each line of a text file, without its line end (\n or \r\n).

    Raises:
        FormatError: the file cannot be read, or is not UTF-8.
    """
    with open_binary(path) as stream:
        for number, line in enumerate(stream, start=1):
            place = f"{path}: line {number}"
            yield place, decode_utf8(line, place).rstrip("\r\n")


def decode_utf8(content: bytes, place: str) -> str:
    """Decodes bytes as UTF-8.

    Raises:
        FormatError: they are not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        actual = f"byte {content[error.start]:#04x}"
        message = f"{place}, column {error.start + 1}: expected UTF-8, got {actual}; save the file as UTF-8"
    raise FormatError(message)


def _parse(line: bytes, place: str) -> Value | FormatError:
    try:
        return Value(_DECODER.decode(decode_utf8(line, place)), place)
    except FormatError as error:
        return error
    except json.JSONDecodeError as error:
        what = f"{place}, column {error.pos + 1}: expected a JSON object, got '{error.msg}'; is the file truncated?"
    except RecursionError:
        what = f"{place}: expected a document, got brackets nested too deeply; correct the line"
    except ValueError as error:  # NaN, or a number of thousands of digits
        what = f"{place}: expected a JSON object, got '{str(error).partition(';')[0]}'; correct the line"
    return FormatError(what)
