"""finecl's own columns as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.files import first_bytes, replacing_lines
from finecl_formats.json_values import Value
from finecl_formats.records import Records
from finecl_formats.rows import LabelKeys, read_document, to_row
from finecl_formats.text_lines import read_json_lines


@dataclass(frozen=True, kw_only=True)
class JSONLines(Records):
    """One document a line: title, sents, vertexSet, optional labels (head, tail, relation) and entity_ids."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with an object that has sentences."""
        start = first_bytes(path)
        return start.startswith(b"{") and b'"sents"' in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the lines; skips empty ones."""
        return read_json_lines(path)

    def document(self, record: Value) -> Document:
        """Converts a line to a document, also with DocRED's keys of labels (h, t, r); ignores unknown fields."""
        labels = record.content_of("labels") or [{}]
        docred = (
            isinstance(labels, list) and isinstance(labels[0], dict) and "h" in labels[0] and "head" not in labels[0]
        )
        return read_document(record, LabelKeys(head="h", tail="t", relation="r") if docred else LabelKeys())

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes every field of every document.

        Raises:
            FormatError: the file cannot be written.
        """
        with replacing_lines(path) as add:
            for document in documents:
                add(json.dumps(to_row(document), ensure_ascii=False).encode())
