"""FewRel's JSON (Han et al. 2018): an object with a list of sentences under every relation.

A sentence has ``tokens`` and, as ``h`` and ``t``, ``[name, id, [[word, word, ...], ...]]``: every mention is the
list of its words, counted from 0. ``id`` of a sentence is finecl's own addition; without it the title is a hash of
the content.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.types import Document, Entity, Mention
from finecl_formats.files import beginning, replacing
from finecl_formats.held import check_held, place_of
from finecl_formats.json_array import read_arrays
from finecl_formats.records import Records
from finecl_formats.sentences import check_sentence, check_words, given_title, sentence_document
from finecl_formats.values import Value

_OPENING = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*\{')


@dataclass(frozen=True, kw_only=True)
class FewRel(Records):
    """An object of relations, each with a list of sentences: tokens, and h and t as [name, id, [words]]."""

    def recognises(self, path: Path) -> bool:
        """Whether the file begins with an object of lists of sentences."""
        start = beginning(path)
        return bool(_OPENING.match(start)) and b'"tokens"' in start and b'"h"' in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The sentences of one relation after the other."""
        for relation, sentence in read_arrays(path):
            yield Value({"relation": relation, "sentence": sentence.content}, sentence.place)

    def document(self, record: Value) -> Document:
        """One sentence, labelled with the relation that it stands under."""
        sentence = Value(record.content["sentence"], record.place)
        words, given = sentence.field("tokens").texts(), sentence.optional("id")
        head, tail = (_entity(sentence.field(side), words) for side in ("h", "t"))
        return sentence_document(given.text() if given else "", [words], head, tail, record.content["relation"])

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the sentences, those of one relation together, which are held in memory until then.

        Raises:
            FormatError: a document is no sentence with one label, or has what FewRel has no fields for.
        """
        with replacing(path) as unfinished, unfinished.open("wb") as stream:
            rows: dict[str, list[str]] = defaultdict(list)
            for number, document in enumerate(documents, start=1):
                place = place_of(path, number, document)
                check_sentence(document, place, "FewRel")
                row, relation = _to_row(document), document.labels[0].relation
                record = Value({"relation": relation, "sentence": row}, place)
                check_held(document, partial(self.document, record), place, "FewRel")
                rows[relation].append(json.dumps(row, ensure_ascii=False))
            lists = (f"{json.dumps(name, ensure_ascii=False)}: [{', '.join(row)}]" for name, row in rows.items())
            stream.write(("{" + ",\n".join(lists) + "}\n").encode())


def _entity(value: Value, words: tuple[str, ...]) -> Entity:
    parts = list(value.items())
    if len(parts) != 3:
        raise value.fault("a name, an id and a list of mentions")
    name, identity, mentions = parts
    spans = [_span(mention, words) for mention in mentions.items("mention")]
    return Entity(
        mentions=tuple(Mention(sentence=0, start=start, end=end, name=name.text()) for start, end in spans),
        id=None if identity.content is None else identity.text(),
    )


def _span(mention: Value, words: tuple[str, ...]) -> tuple[int, int]:
    numbers = mention.numbers()
    if not numbers or list(numbers) != list(range(numbers[0], numbers[0] + len(numbers))):
        raise mention.fault("the numbers of words that follow each other")
    check_words(mention, numbers[0], numbers[-1] + 1, words)
    return numbers[0], numbers[-1] + 1


def _to_row(document: Document) -> dict[str, Any]:
    head, tail = map(_side, document.entities)
    return given_title(document) | {"tokens": list(document.sentences[0]), "h": head, "t": tail}


def _side(entity: Entity) -> list[Any]:
    return [entity.mentions[0].name, entity.id, [list(range(m.start, m.end)) for m in entity.mentions]]
