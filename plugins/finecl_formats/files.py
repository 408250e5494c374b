"""Opening files with clear errors, and atomic writes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from finecl.artifacts.temporary import beside
from finecl.errors import FormatError

_FIRST_BYTES = 65536  # enough to recognise a format


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """Opens a file for reading in binary mode.

    Raises:
        FormatError: the file does not exist, is a directory, or is not readable.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
    with stream:
        yield stream


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path to write to; renames it to ``path`` on success and deletes it on failure.

    Raises:
        FormatError: the file cannot be written, or a text is not Unicode.
    """
    unfinished = beside(path)
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise FormatError(f"{path}: expected to write here, got '{error.strerror}'; check the folder") from None
    except UnicodeEncodeError as error:  # half a surrogate pair
        actual = ascii(error.object[error.start])
        raise FormatError(f"{path}: expected Unicode text, got {actual} in a document; remove that character") from None
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def replacing_array(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yields a function that appends one member to a JSON array written to ``path``; see ``replacing``."""
    opening = b"[\n"
    with replacing(path) as unfinished, unfinished.open("wb") as stream:

        def add(member: bytes) -> None:
            nonlocal opening
            stream.write(opening + member)
            opening = b",\n"

        yield add
        stream.write(b"[]\n" if opening == b"[\n" else b"\n]\n")


@contextmanager
def replacing_lines(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Yields a function that appends one line to the file written to ``path``; see ``replacing``."""
    with replacing(path) as unfinished, unfinished.open("wb") as stream:

        def add(line: bytes) -> None:
            stream.write(line + b"\n")

        yield add


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder to write to; renames it to ``path`` on success and deletes it on failure.

    Raises:
        FormatError: ``path`` exists and is not empty, or cannot be written.
    """
    unfinished = beside(path)
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FormatError(
                f"{path}: expected a new or empty folder to write to, got one that is in use; name another"
            )
        unfinished.mkdir()
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise FormatError(f"{path}: expected to write here, got '{error.strerror}'; check the folder") from None
    except UnicodeEncodeError as error:  # half a surrogate pair
        actual = ascii(error.object[error.start])
        raise FormatError(f"{path}: expected Unicode text, got {actual} in a document; remove that character") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def first_bytes(path: Path) -> bytes:
    """Returns the first bytes of a file without a byte order mark and leading white space; empty if unreadable."""
    try:
        with path.open("rb") as stream:
            return stream.read(_FIRST_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return b""
