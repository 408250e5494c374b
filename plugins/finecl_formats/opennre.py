"""The JSONL of OpenNRE (Han et al. 2019) and CP (Peng et al. 2020): Wiki80, and the sentence-level sets of CP.

One object a line: ``token`` (words) or ``text``, ``h`` and ``t`` with ``name``, ``pos`` and if known ``id`` and
``type``, and ``relation``. ``pos`` is half-open: words where there is ``token``, characters where there is ``text``.
``id`` of the object is finecl's own addition; without it the title is a hash of the content.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.types import Document, Entity, Mention
from finecl_formats.characters import to_words
from finecl_formats.files import beginning, replacing_lines
from finecl_formats.held import check_held, place_of
from finecl_formats.lines import read_lines
from finecl_formats.records import Records
from finecl_formats.sentences import check_sentence, check_words, given_title, sentence_document, words_mention
from finecl_formats.values import Value

_SIDES = ("h", "t")


@dataclass(frozen=True, kw_only=True)
class OpenNRE(Records):
    """One sentence a line: token or text, h and t with name, id and half-open pos, and relation."""

    def recognises(self, path: Path) -> bool:
        """Whether the file begins with an object that has head, tail, relation and a text."""
        start = beginning(path).partition(b"\n")[0]
        asked = (b'"h"', b'"t"', b'"relation"')
        return start.startswith(b"{") and all(name in start for name in asked) and _has_text(start)

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The lines; empty ones are passed over."""
        return read_lines(path)

    def document(self, record: Value) -> Document:
        """The sentence of a line."""
        given = record.optional("id")
        relation = record.field("relation").text()
        sentences, head, tail = _of_text(record) if record.optional("token") is None else _of_words(record)
        return sentence_document(given.text() if given else "", sentences, head, tail, relation)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the sentences, with words.

        Raises:
            FormatError: a document is no sentence with one label, or has what the format has no fields for.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = place_of(path, number, document)
                check_sentence(document, place, "OpenNRE")
                row = _to_row(document)
                check_held(document, partial(self.document, Value(row, place)), place, "OpenNRE")
                add(json.dumps(row, ensure_ascii=False).encode())


def _has_text(start: bytes) -> bool:
    return b'"token"' in start or b'"text"' in start


def _of_words(record: Value) -> tuple[tuple[tuple[str, ...], ...], Entity, Entity]:
    words = record.field("token").texts()
    mentions = []
    for side in _SIDES:
        span = record.field(side).field("pos")
        start, end = span.span()
        check_words(span, start, end, words)
        mentions.append(words_mention(words, start, end))
    head, tail = (_entity(record.field(side), m) for side, m in zip(_SIDES, mentions, strict=True))
    return (words,), head, tail


def _of_text(record: Value) -> tuple[tuple[tuple[str, ...], ...], Entity, Entity]:
    spans = [record.field(side).field("pos").span() for side in _SIDES]
    words = to_words(record.field("text").text(), spans, f"{record.place}, pos of h and t")
    head, tail = (_entity(record.field(side), words.mention(n)) for n, side in enumerate(_SIDES))
    return words.sentences, head, tail


def _entity(value: Value, mention: Mention) -> Entity:
    name, kind, identity = value.optional("name"), value.optional("type"), value.optional("id")
    named = replace(mention, name=name.text() if name else mention.name, type=kind.text() if kind else None)
    return Entity(mentions=(named,), id=identity.text() if identity else None)


def _to_row(document: Document) -> dict[str, Any]:
    sides = {side: _side(entity) for side, entity in zip(_SIDES, document.entities, strict=True)}
    words = list(document.sentences[0])
    return given_title(document) | {"token": words, **sides, "relation": document.labels[0].relation}


def _side(entity: Entity) -> dict[str, Any]:
    mention = entity.mentions[0]
    known = {"id": entity.id, "pos": [mention.start, mention.end], "type": mention.type}
    return {"name": mention.name} | {key: value for key, value in known.items() if value is not None}
