"""doccano's JSONL export of named entities and relations.

One object a line: ``id``, ``text``, ``entities`` (``id``, ``label``, ``start_offset``, ``end_offset``; characters,
the end exclusive) and ``relations`` (``id``, ``from_id``, ``to_id``, ``type``). A relation of the type
"coreference" says that two spans name one entity. The title is ``title``, which finecl adds, else ``id``.
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
from finecl_formats.annotated import Annotations, Marked, annotations_of
from finecl_formats.files import beginning, replacing_lines
from finecl_formats.held import check_held, place_of
from finecl_formats.lines import read_lines
from finecl_formats.records import Records
from finecl_formats.values import Value


@dataclass(frozen=True, kw_only=True)
class Doccano(Records):
    """One text a line, with entities by character offsets and relations between them."""

    coreference: str = "coreference"

    def recognises(self, path: Path) -> bool:
        """Whether the file begins with an object that has a text, entities and relations."""
        start = beginning(path)
        asked = (b'"text"', b'"entities"', b'"relations"')
        return start.startswith(b"{") and all(name in start for name in asked) and b'"sents"' not in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The lines; empty ones are passed over."""
        return read_lines(path)

    def document(self, record: Value) -> Document:
        """The text of a line."""
        title, number = record.optional("title"), record.optional("id")
        name = title.text() if title else str(number.content if number else "")
        return self._annotations(record).document(name, record.place)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the texts, numbered from 1.

        Raises:
            FormatError: a document has what doccano has no fields for.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = place_of(path, number, document)
                row = self._to_row(document, number)
                check_held(document, partial(self.document, Value(row, place)), place, "doccano")
                add(json.dumps(row, ensure_ascii=False).encode())

    def _annotations(self, record: Value) -> Annotations:
        marked: dict[str, Marked] = {}
        for item in record.field("entities").items("entity"):
            identity, kind = item.field("id"), item.optional("label")
            if str(identity.number()) in marked:
                raise identity.fault("an id of its own")
            start, end = item.field("start_offset").number(), item.field("end_offset").number()
            marked[str(identity.number())] = Marked(start=start, end=end, type=kind.text() if kind else None)
        links = [
            (str(item.field("from_id").number()), str(item.field("to_id").number()), item.field("type").text())
            for item in record.field("relations").items("relation")
        ]
        same = [(head, tail) for head, tail, kind in links if kind == self.coreference]
        relations = [link for link in links if link[2] != self.coreference]
        return Annotations(text=record.field("text").text(), marked=marked, same=same, relations=relations)

    def _to_row(self, document: Document, number: int) -> dict[str, Any]:
        annotations, _ = annotations_of(document)
        links = [(one, other, self.coreference) for one, other in annotations.same]
        return {
            "id": number,
            "title": document.title,
            "text": annotations.text,
            "entities": [
                {"id": int(name), "label": m.type, "start_offset": m.start, "end_offset": m.end}
                for name, m in annotations.marked.items()
            ],
            "relations": [
                {"id": n, "from_id": int(head), "to_id": int(tail), "type": relation}
                for n, (head, tail, relation) in enumerate([*links, *annotations.relations])
            ],
        }
