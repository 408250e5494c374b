"""Base class of the formats whose files are sequences of records, one document each."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar, TypeAlias

from finecl.errors import FormatError
from finecl.types import Document, Format
from finecl_formats.json_values import Value, shortened

ScanResult: TypeAlias = tuple[str, Document | FormatError]
"""The location of a record, and its document or the error."""


class Records(Format):
    """Reads documents that do not depend on each other.

    ``unique``: the format requires unique titles (its ids) within a file.
    """

    unique: ClassVar[bool] = False

    @cached_property
    def _merged(self) -> Counter[str]:
        return Counter()

    def counted(self, listed: int, document: Document) -> Document:
        """Returns the document; counts the labels, of ``listed`` ones, that repeat another and were merged with it."""
        self._merged[document.title] += listed - len(document.labels)
        return document

    def notes(self) -> tuple[str, ...]:
        """Returns in a line how many labels the last reading merged; nothing if none."""
        merged, documents = sum(self._merged.values()), sum(count > 0 for count in self._merged.values())
        what = "labels that repeat another of the same entities and relation were merged with it"
        return (f"{merged:,} {what}, in {documents:,} documents",) if merged else ()

    @abstractmethod
    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the records of a file; an error in the place of a record that cannot be parsed.

        Raises:
            FormatError: the rest of the file cannot be read.
        """

    @abstractmethod
    def document(self, record: Value) -> Document:
        """Converts a record to a document.

        Raises:
            FormatError: a field is missing or of the wrong type.
        """

    def read(self, path: Path) -> Iterator[Document]:
        """Yields the documents up to the first error.

        Raises:
            FormatError: the file cannot be read, or a record is not a document.
        """
        for _, result in self.scan(path):
            if isinstance(result, FormatError):
                raise result
            yield result

    def scan(self, path: Path) -> Iterator[ScanResult]:
        """Yields the location of each record with its document or its error; continues after an error if it can."""
        titles: dict[str, str] = {}
        self._merged.clear()
        try:
            for record in self.records(path):
                if isinstance(record, FormatError):
                    yield str(path), record
                    continue
                yield self._scan_record(record, titles)
        except FormatError as error:
            yield str(path), error

    def _scan_record(self, record: Value, titles: dict[str, str]) -> ScanResult:
        try:
            document = self.document(record)
        except FormatError as error:
            return record.place, error
        if self.unique:
            first = titles.setdefault(document.title, record.place)
            if first != record.place:
                actual = f"'{shortened(document.title)}' again, first at {first.partition(': ')[2]}"
                return record.place, FormatError(f"{record.place}, id: expected a unique id, got {actual}; rename it")
        return f"{record.place} ('{shortened(document.title)}')", document
