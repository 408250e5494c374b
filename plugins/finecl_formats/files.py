"""Files opened with clear complaints, and written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
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


@contextmanager
def replacing_array(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that adds one member to a JSON array, which takes the place of ``path``; see ``replacing``."""
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
    """A function that adds one line to a file that takes the place of ``path``; see ``replacing``."""
    with replacing(path) as unfinished, unfinished.open("wb") as stream:

        def add(line: bytes) -> None:
            stream.write(line + b"\n")

        yield add


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder to write files in; it becomes ``path`` when all went well, and vanishes otherwise.

    Raises:
        FormatError: ``path`` is there and not empty, or cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
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
        came = ascii(error.object[error.start])
        raise FormatError(f"{path}: expected Unicode text, got {came} in a document; remove that character") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def beginning(path: Path) -> bytes:
    """The first bytes of a file without white space before them; nothing if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(_BEGINNING).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return b""
