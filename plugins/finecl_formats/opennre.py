"""The JSONL of OpenNRE (Han et al. 2019) and CP (Peng et al. 2020): Wiki80, and the sentence-level sets of CP.

One object a line: ``token`` (words) or ``text``; ``h`` and ``t`` with ``name``, ``pos`` and optional ``id`` and
``type``; and ``relation``, optional for prediction. ``pos`` is half-open and counts words of ``token``, or
characters of ``text``. The ``id``
of the object is finecl's extension; without it the title is a hash of the content.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from finecl.errors import FormatError
from finecl.types import Document, Entity, Mention
from finecl_formats.characters import text_to_words
from finecl_formats.files import first_bytes, replacing_lines
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place
from finecl_formats.offsets import Convention, Ends, Offsets, StoredSpan
from finecl_formats.records import Records
from finecl_formats.sentences import check_sentence, check_words, id_field, sentence_document, words_mention
from finecl_formats.text_lines import read_json_lines

_SIDES = ("h", "t")


@dataclass(frozen=True, kw_only=True)
class OpenNRE(Records):
    """One sentence a line: token or text, h and t with name, id and half-open pos, and relation."""

    one_label: ClassVar[bool] = True

    offsets: Offsets = "auto"
    ends: Ends = "auto"

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with an object that has head, tail, their positions and a text."""
        start = first_bytes(path).partition(b"\n")[0]
        required = (b'"h"', b'"t"', b'"pos"')
        return start.startswith(b"{") and all(name in start for name in required) and _has_text(start)

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the lines; skips empty ones."""
        return read_json_lines(path)

    def document(self, record: Value) -> Document:
        """Converts a line to a document of one sentence."""
        identity = record.optional("id")
        relation = record.optional("relation")
        if record.optional("token") is None:
            sentences, head, tail = _from_text(record, Convention(self.offsets, self.ends))
        else:
            sentences, head, tail = _from_words(record)
        title, name = identity.text() if identity else "", relation.text() if relation else None
        return sentence_document(title, sentences, head, tail, name)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the sentences, as words.

        Raises:
            FormatError: a document is not one sentence with one label, or has data that the format has no field for.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                check_sentence(document, place, "OpenNRE")
                row = _to_row(document)
                check_lossless(document, partial(self.document, Value(row, place)), place, "OpenNRE")
                add(json.dumps(row, ensure_ascii=False).encode())


def _has_text(start: bytes) -> bool:
    return b'"token"' in start or b'"text"' in start


def _from_words(record: Value) -> tuple[tuple[tuple[str, ...], ...], Entity, Entity]:
    words = record.field("token").texts()
    mentions = []
    for side in _SIDES:
        span = record.field(side).field("pos")
        start, end = span.span()
        check_words(span, start, end, words)
        mentions.append(words_mention(words, start, end))
    head, tail = (_entity(record.field(side), m) for side, m in zip(_SIDES, mentions, strict=True))
    return (words,), head, tail


def _from_text(record: Value, convention: Convention) -> tuple[tuple[tuple[str, ...], ...], Entity, Entity]:
    spans = [record.field(side).field("pos").span() for side in _SIDES]
    names = [record.field(side).optional("name") for side in _SIDES]
    place = f"{record.place}, pos of h and t"
    text = record.field("text").text()
    stored = [StoredSpan(*span, name.text() if name else None, place) for span, name in zip(spans, names, strict=True)]
    words = text_to_words(text, convention.characters(text, stored, place), place)
    head, tail = (_entity(record.field(side), words.mention(n)) for n, side in enumerate(_SIDES))
    return words.sentences, head, tail


def _entity(value: Value, mention: Mention) -> Entity:
    name, kind, identity = value.optional("name"), value.optional("type"), value.optional("id")
    named = replace(mention, name=name.text() if name else mention.name, type=kind.text() if kind else None)
    return Entity(mentions=(named,), id=identity.text() if identity else None)


def _to_row(document: Document) -> dict[str, Any]:
    sides = {side: _side(entity) for side, entity in zip(_SIDES, document.entities, strict=True)}
    words = list(document.sentences[0])
    return id_field(document) | {"token": words, **sides, "relation": document.labels[0].relation}


def _side(entity: Entity) -> dict[str, Any]:
    mention = entity.mentions[0]
    known = {"id": entity.id, "pos": [mention.start, mention.end], "type": mention.type}
    return {"name": mention.name} | {key: value for key, value in known.items() if value is not None}
