"""Recognises file formats and opens document files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from finecl.corpus.validation import check_document
from finecl.errors import FormatError, SettingsError
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.types import Document, Format
from finecl.types.protocols import declared


def recognise(
    path: Path,
    registry: Registry,
    name: str = "auto",
    option: str = "data.format",
    settings: Mapping[str, Any] | None = None,
) -> Format:
    """Returns the format of a file or folder: the named one, or the first that recognises it.

    ``option`` is the option or setting that the error message suggests; ``settings`` are those of the format.

    Raises:
        FormatError: no format recognises it.
    """
    if name != "auto":
        named: Format = registry.create("format", name, settings or {})
        return named
    try:
        is_file, is_directory = path.is_file(), path.is_dir()
    except OSError as error:  # a name that is too long for any file
        raise FormatError(f"{path}: expected a file, got '{error.strerror}'; check the path") from None
    if is_file and not path.stat().st_size:
        raise FormatError(f"{path}: expected documents, got an empty file; check the path")
    for part in registry.parts("format").values():
        format: Format = part.create()
        if format.recognises(path):
            return part.create(**settings) if settings else format
    if not is_file:
        came = "a directory that no format recognises" if is_directory else "nothing"
        raise FormatError(f"{path}: expected a file, got {came}; check the path")
    known = ", ".join(registry.parts("format"))
    raise FormatError(f"{path}: no format recognises this file; name one with {option}; known: {known}")


Item = TypeVar("Item")
_PIECE = 256  # documents between two progress reports


@dataclass(frozen=True)
class DocumentFile:
    """A file with its format; each iteration reads the file again and validates every document.

    ``empty``: documents without words are valid.
    """

    path: Path
    format: Format
    listener: Listener = field(default_factory=Listener)
    empty: bool = False

    @classmethod
    def open(
        cls,
        path: Path,
        registry: Registry,
        name: str = "auto",
        listener: Listener | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> DocumentFile:
        """Opens a file with the named format, or with the one that recognises it.

        Raises:
            FormatError: no format recognises the file.
            PluginError: no format has this name.
        """
        return cls(path, recognise(path, registry, name, "--format", settings), listener or Listener())

    def __iter__(self) -> Iterator[Document]:
        """Yields the documents.

        Raises:
            FormatError: the file cannot be read, a document is invalid, or there are no documents.
        """
        number = 0
        for number, document in enumerate(watched(self.format.read(self.path), self.listener, "reading"), start=1):
            if any(document.sentences) or not self.empty:
                check_document(document, f"{self.path}: document {number} ('{document.title}')")
            yield document
        if not number:
            raise FormatError(f"{self.path}: expected documents, got none; check file and format")
        for note in notes_of(self.format):
            self.listener.note(f"{self.path}: {note}")


def notes_of(format: Format) -> tuple[str, ...]:
    """Returns what a format says of its last reading, such as labels that it merged."""
    notes: Callable[[], tuple[str, ...]] | None = getattr(format, "notes", None)
    return notes() if notes else ()


def watched(documents: Iterable[Item], listener: Listener, stage: str) -> Iterator[Item]:
    """Yields the items unchanged and reports their number to ``listener``; the total is unknown."""
    listener.begin(stage, None, "documents")
    count = 0
    for document in documents:
        yield document
        count += 1
        if count % _PIECE == 0:
            listener.advance(_PIECE)
    listener.advance(count % _PIECE)
    listener.end()


def writer(path: Path, registry: Registry, name: str = "auto") -> Format:
    """Returns the format to write a file in: the named one, or else the first whose ``suffixes`` hold that of the file.

    Raises:
        SettingsError: no format has the suffix.
        PluginError: no format has this name.
    """
    if name != "auto":
        named: Format = registry.create("format", name, {})
        return named
    suffixes: list[str] = []
    for part in registry.parts("format").values():
        format: Format = part.create()
        suffixes += declared(format, Format, "suffixes")
        if path.suffix.lower() in suffixes:
            return format
    known = ", ".join(registry.parts("format"))
    expected = f"a name that ends with {' or '.join(suffixes)}"
    raise SettingsError(f"{path}: expected {expected}, or --to; formats: {known}")
