"""Label Studio's JSON export of named entities and relations.

A list of tasks. A task has ``data`` with the text and ``annotations``; only the first one that was not cancelled is
read. Its ``result`` lists regions (``id``, ``type`` "labels", ``value`` with ``start``, ``end`` and ``labels``;
characters, the end exclusive) and relations (``type`` "relation", ``from_id``, ``to_id``, ``direction``,
``labels``). A relation labelled "coreference" joins two regions of one entity. The title is ``data.title``, else the
task's ``id``.
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
from finecl_formats.files import first_bytes, replacing_array
from finecl_formats.json_array import read_array
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place
from finecl_formats.records import Records

_REGIONS = ("labels", "hypertextlabels")
_FROM = {"from_name": "label", "to_name": "text"}  # the names of the two tags in Label Studio's own template


@dataclass(frozen=True, kw_only=True)
class LabelStudio(Records):
    """A list of tasks with regions and relations. ``text``: the field of a task's data that contains the text."""

    text: str = "text"
    coreference: str = "coreference"

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with a list of tasks."""
        start = first_bytes(path)
        is_list = start[:1] == b"[" and start[1:].lstrip()[:1] == b"{"
        return is_list and b'"data"' in start and b'"annotations"' in start and b'"sents"' not in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the tasks."""
        return read_array(path, "task")

    def document(self, record: Value) -> Document:
        """Converts a task and its first annotation to a document."""
        data = record.field("data")
        title, number = data.optional("title"), record.optional("id")
        text = data.field(self.text).text()
        name = title.text() if title else str(number.content if number else "")
        return self._annotations(text, record.field("annotations")).document(name, record.place)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the tasks, numbered from 1.

        Raises:
            FormatError: a document has data that Label Studio has no field for.
        """
        with replacing_array(path) as add:
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                row = self._to_row(document, number)
                check_lossless(document, partial(self.document, Value(row, place)), place, "Label Studio")
                add(json.dumps(row, ensure_ascii=False).encode())

    def _annotations(self, text: str, annotations: Value) -> Annotations:
        marked: dict[str, MarkedSpan] = {}
        coreferent: list[tuple[str, str]] = []
        relations: list[tuple[str, str, str]] = []
        valid = [item for item in annotations.items("annotation") if not item.content_of("was_cancelled")]
        for item in valid[0].field("result").items("result") if valid else ():
            kind = item.field("type").text()
            if kind in _REGIONS:
                identity = item.field("id")
                if identity.text() in marked:
                    raise identity.error("a unique id")
                marked[identity.text()] = _region(item.field("value"), text)
            elif kind == "relation":
                for head, tail, relation in _links(item):
                    if relation == self.coreference:
                        coreferent.append((head, tail))
                    else:
                        relations.append((head, tail, relation))
        return Annotations(text=text, marked=marked, coreferent=coreferent, relations=relations)

    def _to_row(self, document: Document, number: int) -> dict[str, Any]:
        annotations, _ = to_annotations(document)
        result: list[dict[str, Any]] = [
            _FROM | {"id": name, "type": "labels", "value": _value(marked, annotations.text)}
            for name, marked in annotations.marked.items()
        ]
        links = [(one, other, self.coreference) for one, other in annotations.coreferent]
        for head, tail, relation in [*links, *annotations.relations]:
            ends = {"from_id": head, "to_id": tail, "direction": "right"}
            result.append({"type": "relation", **ends, "labels": [relation]})
        data = {self.text: annotations.text, "title": document.title}
        return {"id": number, "data": data, "annotations": [{"result": result}]}


def _region(value: Value, text: str) -> MarkedSpan:
    start, end = value.field("start").number(), value.field("end").number()
    labels, named = value.optional("labels") or value.optional("hypertextlabels"), value.optional("text")
    if named and 0 <= start < end <= len(text) and text[start:end] != named.text():
        raise named.error(f"the characters [{start}, {end}) of the text, '{text[start:end][:40]}'")
    kinds = labels.texts() if labels else ()
    return MarkedSpan(start=start, end=end, type=kinds[0] if kinds else None)


def _links(item: Value) -> Iterator[tuple[str, str, str]]:
    head, tail = item.field("from_id").text(), item.field("to_id").text()
    labels, direction = item.optional("labels"), item.optional("direction")
    names = labels.texts() if labels else ()
    if not names:
        raise FormatError(f"{item.place}, labels: expected the relation, got none; label the link or remove it")
    towards = direction.text() if direction else "right"
    if direction and towards not in ("right", "left", "bi"):
        raise direction.error("right, left or bi")
    for name in names:
        if towards in ("right", "bi"):
            yield head, tail, name
        if towards in ("left", "bi"):
            yield tail, head, name


def _value(marked: MarkedSpan, text: str) -> dict[str, Any]:
    labels = [] if marked.type is None else [marked.type]
    return {"start": marked.start, "end": marked.end, "text": text[marked.start : marked.end], "labels": labels}
