"""finecl's own columns, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.files import beginning, replacing_lines
from finecl_formats.lines import read_lines
from finecl_formats.records import Records
from finecl_formats.rows import LabelKeys, read_document, to_row
from finecl_formats.values import Value


@dataclass(frozen=True, kw_only=True)
class JSONLines(Records):
    """One document a line: title, sents, vertexSet, and if known labels (head, tail, relation) and entity_ids."""

    def recognises(self, path: Path) -> bool:
        """Whether the file begins with an object that has sentences."""
        start = beginning(path)
        return start.startswith(b"{") and b'"sents"' in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The lines; empty ones are passed over."""
        return read_lines(path)

    def document(self, record: Value) -> Document:
        """The document of a line; fields that are not known are passed over."""
        return read_document(record, LabelKeys())

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes every field of every document.

        Raises:
            FormatError: the file cannot be written.
        """
        with replacing_lines(path) as add:
            for document in documents:
                add(json.dumps(to_row(document), ensure_ascii=False).encode())
