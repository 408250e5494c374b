"""Folders with one text file a document, whose titles are the names of the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.files import opened
from finecl_formats.held import refusal
from finecl_formats.lines import decoded
from finecl_formats.values import shown

_LONGEST = 200  # bytes of a file's name that every file system holds
_TITLE = re.compile(r"[^/\\\0.][^/\\\0]*")


def text_files(path: Path, suffix: str) -> list[Path]:
    """The files of a folder whose names end so, by name.

    Raises:
        FormatError: there is no such folder, or none such in it.
    """
    try:
        found = sorted(file for file in path.iterdir() if file.name.endswith(suffix) and not file.name.startswith("."))
    except OSError as error:
        raise FormatError(f"{path}: expected a folder of texts, got '{error.strerror}'; check the path") from None
    if not found:
        raise FormatError(f"{path}: expected files *{suffix} in this folder, got none; check the path")
    return found


def holds(path: Path, suffix: str) -> bool:
    """Whether a folder holds such a file."""
    try:
        return path.is_dir() and next(path.glob(f"[!.]*{suffix}"), None) is not None
    except OSError:
        return False


def read_text(path: Path) -> str:
    """The text of a file, line ends as they are.

    Raises:
        FormatError: it cannot be read, or is not UTF-8.
    """
    with opened(path) as stream:
        return decoded(stream.read(), str(path))


def titles(documents: Iterator[tuple[str, Document]], format: str) -> Iterator[tuple[str, Document]]:
    """Places and documents whose titles can be names of files, each of its own.

    Raises:
        FormatError: a title cannot, or comes again.
    """
    seen: set[str] = set()
    for place, document in documents:
        title = document.title
        if not _TITLE.fullmatch(title) or len(title.encode()) > _LONGEST:
            raise refusal(place, format, f"the title '{shown(title)}', which names no file")
        if title.casefold() in seen:
            raise refusal(place, format, f"the title '{shown(title)}' a second time")
        seen.add(title.casefold())
        yield place, document
