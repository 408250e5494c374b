"""Files of records, each of which is one document: read on after a fault, or stopped at the first."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, TypeAlias

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.values import Value, shown

Scanned: TypeAlias = tuple[str, Document | FormatError]
"""Where a record stands, and its document or what is wrong with it."""


class Records(ABC):
    """What formats share whose documents can be read one without the other.

    ``unique``: the format asks that no two documents of a file have the same title (its id).
    """

    unique: ClassVar[bool] = False

    @abstractmethod
    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The records of a file; a fault in the place of one that cannot be parsed.

        Raises:
            FormatError: nothing after this place can be read.
        """

    @abstractmethod
    def document(self, record: Value) -> Document:
        """The document of a record.

        Raises:
            FormatError: a field is missing or of the wrong type.
        """

    def read(self, path: Path) -> Iterator[Document]:
        """The documents, up to the first fault.

        Raises:
            FormatError: the file cannot be read, or a record is not a document.
        """
        for _, found in self.scan(path):
            if isinstance(found, FormatError):
                raise found
            yield found

    def scan(self, path: Path) -> Iterator[Scanned]:
        """The documents with their places, and faults in the place of what is none; goes on as long as it can."""
        titles: dict[str, str] = {}
        try:
            for record in self.records(path):
                if isinstance(record, FormatError):
                    yield str(path), record
                    continue
                yield self._scanned(record, titles)
        except FormatError as error:
            yield str(path), error

    def _scanned(self, record: Value, titles: dict[str, str]) -> Scanned:
        try:
            found = self.document(record)
        except FormatError as error:
            return record.place, error
        if self.unique:
            first = titles.setdefault(found.title, record.place)
            if first != record.place:
                came = f"'{shown(found.title)}' again, first at {first.partition(': ')[2]}"
                return record.place, FormatError(
                    f"{record.place}, id: expected an id of its own, got {came}; rename it"
                )
        return f"{record.place} ('{shown(found.title)}')", found
