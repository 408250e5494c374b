"""Files opened with clear complaints, and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from finecl.errors import FormatError

_BEGINNING = 65536  # bytes that suffice to recognise a format


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open for reading.

    Raises:
        FormatError: there is no such file, it is a directory, or it may not be read.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
    with stream:
        yield stream


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write under; the file takes the place of ``path`` when all went well, and vanishes otherwise.

    Raises:
        FormatError: the file cannot be written, or a text is not Unicode.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise FormatError(f"{path}: expected to write here, got '{error.strerror}'; check the folder") from None
    except UnicodeEncodeError as error:  # half a surrogate pair
        came = ascii(error.object[error.start])
        raise FormatError(f"{path}: expected Unicode text, got {came} in a document; remove that character") from None
    finally:
        unfinished.unlink(missing_ok=True)


def beginning(path: Path) -> bytes:
    """The first bytes of a file without white space before them; nothing if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(_BEGINNING).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return b""
