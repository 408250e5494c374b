"""GLiREL's JSONL (Boylan et al. 2025): words, named entities and relations between them.

One object a line: ``tokenized_text``; ``ner`` with ``[start, end, type, text]``, the end *inclusive*; ``relations``
with ``head`` and ``tail`` (``mention``, ``position`` ``[start, end]``, inclusive, ``type``) and ``relation_text``.
Head and tail are matched to ``ner`` by position. ``id`` is finecl's extension, as in ``opennre``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention
from finecl_formats.files import first_bytes, replacing_lines
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place, refusal
from finecl_formats.records import Records
from finecl_formats.sentences import check_words, content_title, id_field
from finecl_formats.text_lines import read_json_lines


@dataclass(frozen=True, kw_only=True)
class GLiREL(Records):
    """One text a line: tokenized_text, ner with inclusive spans, and relations between these."""

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with an object that has a tokenised text."""
        start = first_bytes(path)
        return start.startswith(b"{") and b'"tokenized_text"' in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the lines; skips empty ones."""
        return read_json_lines(path)

    def document(self, record: Value) -> Document:
        """Converts a line to a document."""
        words, identity = record.field("tokenized_text").texts(), record.optional("id")
        entities = [_entity(item, words) for item in record.field("ner").items("entity")]
        numbers: dict[tuple[int, int], int] = {}
        for number, entity in enumerate(entities):
            numbers.setdefault((entity.mentions[0].start, entity.mentions[0].end), number)
        relations = record.optional("relations")
        labels = [_label(item, numbers) for item in relations.items("relation")] if relations else []
        return Document(
            title=identity.text() if identity else content_title([words], entities, labels),
            sentences=(words,),
            entities=tuple(entities),
            labels=tuple(labels),
        )

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the texts.

        Raises:
            FormatError: a document has several sentences, entities of several mentions, or data that GLiREL has no
                field for.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                if len(document.sentences) != 1:
                    raise refusal(place, "GLiREL", f"{len(document.sentences)} sentences (it needs 1)")
                row = _to_row(document)
                check_lossless(document, partial(self.document, Value(row, place)), place, "GLiREL")
                add(json.dumps(row, ensure_ascii=False).encode())


def _entity(value: Value, words: tuple[str, ...]) -> Entity:
    parts = list(value.items())
    if len(parts) != 4:
        raise value.error("start, end, type and text")
    start, end = parts[0].number(), parts[1].number() + 1
    check_words(value, start, end, words, inclusive=True)
    kind = None if parts[2].content is None else parts[2].text()
    return Entity(mentions=(Mention(sentence=0, start=start, end=end, name=parts[3].text(), type=kind),))


def _label(value: Value, numbers: Mapping[tuple[int, int], int]) -> Label:
    ends = []
    for side in ("head", "tail"):
        position = value.field(side).field("position")
        start, end = position.span()
        if (start, end + 1) not in numbers:
            raise position.error("the position of an entity under ner")
        ends.append(numbers[start, end + 1])
    return Label(head=ends[0], tail=ends[1], relation=value.field("relation_text").text())


def _to_row(document: Document) -> dict[str, Any]:
    mentions = [entity.mentions[0] for entity in document.entities]
    return id_field(document) | {
        "tokenized_text": list(document.sentences[0]),
        "ner": [[m.start, m.end - 1, m.type, m.name] for m in mentions],
        "relations": [
            {
                "head": _end(mentions[label.head]),
                "tail": _end(mentions[label.tail]),
                "relation_text": label.relation,
            }
            for label in document.labels
        ],
    }


def _end(mention: Mention) -> dict[str, Any]:
    return {"mention": mention.name, "position": [mention.start, mention.end - 1], "type": mention.type}
