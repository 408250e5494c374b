"""DocRED's JSON (Yao et al. 2019), also used by Re-DocRED (Tan et al. 2022) and most document-level data sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.types import Document, Label, Mention
from finecl_formats.files import first_bytes, replacing_array
from finecl_formats.json_array import read_array
from finecl_formats.json_values import Value
from finecl_formats.lossless import document_place
from finecl_formats.records import Records
from finecl_formats.rows import LabelKeys, read_document

_KEYS = LabelKeys(head="h", tail="t", relation="r")


@dataclass(frozen=True, kw_only=True)
class DocRED(Records):
    """One list of documents: title, sents, vertexSet, and optional labels with h, t, r and evidence."""

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with a list of objects that have sentences or entities."""
        start = first_bytes(path)
        return start[:1] == b"[" and start[1:].lstrip()[:1] == b"{" and (b'"vertexSet"' in start or b'"sents"' in start)

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the members of the list."""
        return read_array(path)

    def document(self, record: Value) -> Document:
        """Converts a member to a document; ignores fields that DocRED lacks, such as Re-DocRED's."""
        return read_document(record, _KEYS)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the documents.

        Raises:
            FormatError: a document has entity ids or true relations (``truth``), which DocRED has no fields for.
        """
        with replacing_array(path) as add:
            for number, document in enumerate(documents, start=1):
                _refuse_extra_fields(document, document_place(path, number, document))
                add(json.dumps(_to_row(document), ensure_ascii=False).encode())


def _refuse_extra_fields(document: Document, where: str) -> None:
    advice = "remove it (--drop), or write jsonl or parquet"
    for number, entity in enumerate(document.entities):
        if entity.id is not None:
            raise FormatError(f"{where}, entity {number}, id: expected none in DocRED, got '{entity.id}'; {advice}")
    for number, label in enumerate(document.labels):
        if label.truth is not None:
            raise FormatError(f"{where}, label {number}, truth: expected none in DocRED, got '{label.truth}'; {advice}")


def _to_row(document: Document) -> dict[str, Any]:
    return {
        "title": document.title,
        "sents": document.sentences,
        "vertexSet": [[_mention_row(m) for m in entity.mentions] for entity in document.entities],
        "labels": [_label_row(label) for label in document.labels],
    }


def _mention_row(mention: Mention) -> dict[str, Any]:
    row = {"name": mention.name, "sent_id": mention.sentence, "pos": [mention.start, mention.end]}
    return row if mention.type is None else row | {"type": mention.type}


def _label_row(label: Label) -> dict[str, Any]:
    return {"h": label.head, "t": label.tail, "r": label.relation, "evidence": list(label.evidence)}
