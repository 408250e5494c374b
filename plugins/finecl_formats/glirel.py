"""GLiREL's JSONL (Boylan et al. 2025): words, named entities and relations between them.

One object a line: ``tokenized_text``; ``ner`` with ``[start, end, type, text]``, the end *inclusive*; ``relations``
with ``head`` and ``tail`` (``mention``, ``position`` ``[start, end]``, inclusive, ``type``) and ``relation_text``.
A relation's ends are found among ``ner`` by position. ``id`` is finecl's own addition, as of ``opennre``.
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
from finecl_formats.files import beginning, replacing_lines
from finecl_formats.held import check_held, place_of, refusal
from finecl_formats.lines import read_lines
from finecl_formats.records import Records
from finecl_formats.sentences import check_words, content_title, given_title
from finecl_formats.values import Value


@dataclass(frozen=True, kw_only=True)
class GLiREL(Records):
    """One text a line: tokenized_text, ner with inclusive spans, and relations between these."""

    def recognises(self, path: Path) -> bool:
        """Whether the file begins with an object that has a tokenised text."""
        start = beginning(path)
        return start.startswith(b"{") and b'"tokenized_text"' in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The lines; empty ones are passed over."""
        return read_lines(path)

    def document(self, record: Value) -> Document:
        """The text of a line."""
        words, given = record.field("tokenized_text").texts(), record.optional("id")
        entities = [_entity(item, words) for item in record.field("ner").items("entity")]
        numbers: dict[tuple[int, int], int] = {}
        for number, entity in enumerate(entities):
            numbers.setdefault((entity.mentions[0].start, entity.mentions[0].end), number)
        relations = record.optional("relations")
        labels = [_label(item, numbers) for item in relations.items("relation")] if relations else []
        return Document(
            title=given.text() if given else content_title([words], entities, labels),
            sentences=(words,),
            entities=tuple(entities),
            labels=tuple(labels),
        )

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the texts.

        Raises:
            FormatError: a document has several sentences, or entities of several mentions, or has what GLiREL has no
                fields for.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = place_of(path, number, document)
                if len(document.sentences) != 1:
                    raise refusal(place, "GLiREL", f"{len(document.sentences)} sentences (it holds 1)")
                row = _to_row(document)
                check_held(document, partial(self.document, Value(row, place)), place, "GLiREL")
                add(json.dumps(row, ensure_ascii=False).encode())


def _entity(value: Value, words: tuple[str, ...]) -> Entity:
    parts = list(value.items())
    if len(parts) != 4:
        raise value.fault("start, end, type and text")
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
            raise position.fault("the position of an entity under ner")
        ends.append(numbers[start, end + 1])
    return Label(head=ends[0], tail=ends[1], relation=value.field("relation_text").text())


def _to_row(document: Document) -> dict[str, Any]:
    mentions = [entity.mentions[0] for entity in document.entities]
    return given_title(document) | {
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
