"""Label Studio's JSON export of named entities and relations.

A list of tasks. A task has ``data`` with the text and ``annotations``: those that were not cancelled are read, or else
its ``predictions``; of several, which is a setting. The ``result`` of one lists regions (``id``, ``type`` "labels",
``value`` with ``start``, ``end`` and ``labels``, the end exclusive; HyperText regions count in the rendered text,
``globalOffsets``) and relations (``type`` "relation", ``from_id``, ``to_id``, ``direction``, ``labels``). A relation
labelled "coreference" joins two regions of one entity. The title is ``data.title``, else the task's ``id``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.annotated import Annotations, MarkedSpan, to_annotations
from finecl_formats.files import first_bytes, replacing_array
from finecl_formats.hypertext import rendered
from finecl_formats.json_array import read_array
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place
from finecl_formats.offsets import Convention, Ends, Offsets
from finecl_formats.records import Records

_REGIONS = ("labels", "hypertextlabels")
_FROM = {"from_name": "label", "to_name": "text"}  # the names of the two tags in Label Studio's own template


@dataclass(frozen=True, kw_only=True)
class LabelStudio(Records):
    """A list of tasks with regions and relations. ``text``: the field of a task's data that contains the text.

    Without the setting it is "text", or the only other field that holds the texts of all regions. ``annotations``:
    which of several annotations of a task are read; merge: all, equal regions as one.
    """

    text: str | None = None
    annotations: Literal["first", "last", "merge"] | None = None
    coreference: str = "coreference"
    offsets: Offsets = "auto"
    ends: Ends = "auto"

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with a list of tasks."""
        start = first_bytes(path)
        is_list = start[:1] == b"[" and start[1:].lstrip()[:1] == b"{"
        return (
            is_list
            and b'"data"' in start
            and any(name in start for name in (b'"annotations"', b'"predictions"'))
            and not re.search(rb'"sents"\s*:', start)  # a key of other formats, not a word of a text
        )

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the tasks."""
        return read_array(path, "task")

    def document(self, record: Value) -> Document:
        """Converts a task and the annotations of it that are read to a document."""
        data = record.field("data")
        title, number = data.optional("title"), record.optional("id")
        name = title.text() if title else str(number.content if number else "")
        results = _results(record, self.annotations)
        regions = [item for item in results if item.field("type").text() in _REGIONS]
        text = self._text(data, regions)
        if any(item.content_of("type") == "hypertextlabels" and _global(item.field("value")) for item in regions):
            text = rendered(text)
        annotations = self._annotations(text, results)
        return self.counted(len(annotations.relations), annotations.document(name, record.place))

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

    def _text(self, data: Value, regions: Sequence[Value]) -> str:
        if self.text or data.optional("text"):
            return data.field(self.text or "text").text()
        fields = {name: value for name, value in data.content.items() if isinstance(value, str)}
        told = [value.text() for value in (item.field("value").optional("text") for item in regions) if value]
        holding = [name for name, value in fields.items() if all(text in value for text in told)]
        if len(holding) != 1:
            cure = "name the field of the text: --format-option text=NAME"
            raise FormatError(f"{data.place}: expected the field 'text', got {', '.join(data.content)}; {cure}")
        return fields[holding[0]]

    def _annotations(self, text: str, results: Sequence[Value]) -> Annotations:
        marked: dict[str, MarkedSpan] = {}
        coreferent: list[tuple[str, str]] = []
        relations: list[tuple[str, str, str]] = []
        for item in results:
            kind = item.field("type").text()
            if kind in _REGIONS:
                identity = item.field("id")
                if identity.text() in marked:
                    raise identity.error("a unique id")
                marked[identity.text()] = _region(item.field("value"))
            elif kind == "relation":
                for head, tail, relation in _links(item):
                    if relation == self.coreference:
                        coreferent.append((head, tail))
                    else:
                        relations.append((head, tail, relation))
        return Annotations(
            text=text, marked=marked, coreferent=coreferent, relations=relations,
            convention=Convention(self.offsets, self.ends),
        )  # fmt: skip

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
        data = {self.text or "text": annotations.text, "title": document.title}
        return {"id": number, "data": data, "annotations": [{"result": result}]}


def _results(record: Value, which: str | None) -> list[Value]:
    """Returns the regions and relations of the annotations that were not cancelled, or of the predictions.

    Raises:
        FormatError: there are several, and ``which`` of them is not set.
    """
    for name in ("annotations", "predictions"):
        listed = record.optional(name)
        valid = [item for item in listed.items(name[:-1]) if not item.content_of("was_cancelled")] if listed else []
        if len(valid) > 1 and which is None:
            cure = "choose with --format-option annotations=first, last or merge"
            raise FormatError(f"{record.place}: expected one of the {name} of a task, got {len(valid)}; {cure}")
        if which == "merge" and len(valid) > 1:
            return _merged(valid)
        if valid:
            return list(valid[-1 if which == "last" else 0].field("result").items("result"))
    if "annotations" not in record.content and "predictions" not in record.content:
        record.field("annotations")
    return []


def _merged(annotations: Sequence[Value]) -> list[Value]:
    """Returns the regions and relations of several annotations; regions of equal place and labels are one."""
    results: list[Value] = []
    first: dict[str, str] = {}  # the new id of each region
    for number, annotation in enumerate(annotations):
        renamed: dict[Any, str] = {}
        items = list(annotation.field("result").items("result"))
        for item in items:
            if item.field("type").text() in _REGIONS:
                value, name = item.field("value"), item.field("id").text()
                key = json.dumps(value.content, sort_keys=True, ensure_ascii=False)
                renamed[name] = first.setdefault(key, f"{number}:{name}")
                if renamed[name] == f"{number}:{name}":
                    results.append(Value({**item.content, "id": renamed[name]}, item.place))
        for item in items:
            if item.field("type").text() == "relation":
                ends = {
                    end: renamed.get(item.field(end).text(), item.field(end).text()) for end in ("from_id", "to_id")
                }
                results.append(Value({**item.content, **ends}, item.place))
    return results


def _global(value: Value) -> Value | None:
    return value.optional("globalOffsets")


def _region(value: Value) -> MarkedSpan:
    at = _global(value) or value
    start, end = at.field("start").number(), at.field("end").number()
    labels, named = value.optional("labels") or value.optional("hypertextlabels"), value.optional("text")
    kinds = labels.texts() if labels else ()
    told = named.text() if named else None
    return MarkedSpan(start=start, end=end, type=kinds[0] if kinds else None, text=told, place=value.place)


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
