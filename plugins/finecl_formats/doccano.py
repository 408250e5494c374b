"""doccano's JSONL export of named entities and relations.

One object a line: ``id``, ``text``, ``entities`` (``id``, ``label``, ``start_offset``, ``end_offset``; characters,
the end exclusive; ids are numbers or texts; ``text`` is finecl's extension) and ``relations`` (``id``, ``from_id``,
``to_id``, ``type``). A relation of the type "coreference" joins two spans of one entity. The title is ``title``,
finecl's extension, else ``id``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.annotated import Annotations, MarkedSpan, to_annotations
from finecl_formats.files import first_bytes, replacing_lines
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place
from finecl_formats.offsets import Convention, Ends, Offsets
from finecl_formats.records import Records
from finecl_formats.text_lines import read_json_lines


@dataclass(frozen=True, kw_only=True)
class Doccano(Records):
    """One text a line, with entities by character offsets and relations between them."""

    coreference: str = "coreference"
    offsets: Offsets = "auto"
    ends: Ends = "auto"

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with an object that has a text, entities and relations."""
        if not first_bytes(path).startswith(b"{"):
            return False
        try:
            first = next(iter(read_json_lines(path)), None)
        except FormatError:
            return False
        fields = first.content if isinstance(first, Value) and isinstance(first.content, dict) else {}
        return all(name in fields for name in ("text", "entities", "relations")) and "sents" not in fields

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the lines; skips empty ones."""
        return read_json_lines(path)

    def document(self, record: Value) -> Document:
        """Converts a line to a document."""
        title, number = record.optional("title"), record.optional("id")
        name = title.text() if title else str(number.content if number else "")
        return self._annotations(record).document(name, record.place)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the texts, numbered from 1.

        Raises:
            FormatError: a document has data that doccano has no field for.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                row = self._to_row(document, number)
                check_lossless(document, partial(self.document, Value(row, place)), place, "doccano")
                add(json.dumps(row, ensure_ascii=False).encode())

    def _annotations(self, record: Value) -> Annotations:
        marked: dict[str, MarkedSpan] = {}
        for item in record.field("entities").items("entity"):
            identity, kind = item.field("id"), item.optional("label")
            if _name(identity) in marked:
                raise identity.error("a unique id")
            start, end, told = (
                item.field("start_offset").number(),
                item.field("end_offset").number(),
                item.optional("text"),
            )
            marked[_name(identity)] = MarkedSpan(
                start=start, end=end, type=kind.text() if kind else None, text=told.text() if told else None,
                place=item.place,
            )  # fmt: skip
        links = [
            (_name(item.field("from_id")), _name(item.field("to_id")), item.field("type").text())
            for item in record.field("relations").items("relation")
        ]
        coreferent = [(head, tail) for head, tail, kind in links if kind == self.coreference]
        relations = [link for link in links if link[2] != self.coreference]
        return Annotations(
            text=record.field("text").text(), marked=marked, coreferent=coreferent, relations=relations,
            convention=Convention(self.offsets, self.ends),
        )  # fmt: skip

    def _to_row(self, document: Document, number: int) -> dict[str, Any]:
        annotations, _ = to_annotations(document)
        links = [(one, other, self.coreference) for one, other in annotations.coreferent]
        return {
            "id": number,
            "title": document.title,
            "text": annotations.text,
            "entities": [
                {"id": int(name), "label": m.type, "start_offset": m.start, "end_offset": m.end, "text": m.text}
                for name, m in annotations.marked.items()
            ],
            "relations": [
                {"id": n, "from_id": int(head), "to_id": int(tail), "type": relation}
                for n, (head, tail, relation) in enumerate([*links, *annotations.relations])
            ],
        }


def _name(identity: Value) -> str:
    """Returns an id, a number or a text; it only links."""
    return identity.text() if isinstance(identity.content, str) else str(identity.number())
