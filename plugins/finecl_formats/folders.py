"""Helpers of formats that store each document in its own file; the file's name is the title."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.files import open_binary
from finecl_formats.json_values import shortened
from finecl_formats.lossless import refusal
from finecl_formats.text_lines import decode_utf8

_LONGEST = 200  # bytes of a file name that all common file systems support
_TITLE = re.compile(r"[^/\\\0.][^/\\\0]*")


def text_files(path: Path, suffix: str) -> list[Path]:
    """Returns the files of a folder that end in ``suffix``, sorted by name.

    Raises:
        FormatError: the folder does not exist or has no such file.
    """
    try:
        files = sorted(file for file in path.iterdir() if file.name.endswith(suffix) and not file.name.startswith("."))
    except OSError as error:
        raise FormatError(f"{path}: expected a folder of texts, got '{error.strerror}'; check the path") from None
    if not files:
        raise FormatError(f"{path}: expected files *{suffix} in this folder, got none; check the path")
    return files


def has_file(path: Path, suffix: str) -> bool:
    """Returns whether a folder has a file that ends in ``suffix``."""
    try:
        return path.is_dir() and next(path.glob(f"[!.]*{suffix}"), None) is not None
    except OSError:
        return False


def read_text(path: Path) -> str:
    """Returns the text of a file, with its line ends unchanged.

    Raises:
        FormatError: the file cannot be read, or is not UTF-8.
    """
    with open_binary(path) as stream:
        return decode_utf8(stream.read(), str(path))


def checked_titles(documents: Iterator[tuple[str, Document]], format: str) -> Iterator[tuple[str, Document]]:
    """Yields places and documents; checks that the titles are distinct, valid file names.

    Raises:
        FormatError: a title is not a valid file name, or occurs twice.
    """
    seen: set[str] = set()
    for place, document in documents:
        title = document.title
        if not _TITLE.fullmatch(title) or len(title.encode()) > _LONGEST:
            raise refusal(place, format, f"the title '{shortened(title)}', which is not a valid file name")
        if title.casefold() in seen:
            raise refusal(place, format, f"the title '{shortened(title)}' a second time")
        seen.add(title.casefold())
        yield place, document
