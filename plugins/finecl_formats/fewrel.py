"""FewRel's JSON (Han et al. 2018): an object that maps each relation to a list of sentences.

A sentence has ``tokens`` and, as ``h`` and ``t``, ``[name, id, [[word, word, ...], ...]]``: a mention is the list of
its word indices, from 0. The ``id`` of a sentence is finecl's extension; without it the title is a hash of the content.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from finecl.errors import FormatError
from finecl.types import Document, Entity, Mention
from finecl_formats.files import first_bytes, replacing
from finecl_formats.json_array import read_arrays
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place
from finecl_formats.records import Records
from finecl_formats.sentences import check_sentence, check_words, id_field, sentence_document

_OPENING = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*\{')


@dataclass(frozen=True, kw_only=True)
class FewRel(Records):
    """An object of relations, each with a list of sentences: tokens, and h and t as [name, id, [words]]."""

    one_label: ClassVar[bool] = True

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with an object of lists of sentences."""
        start = first_bytes(path)
        return bool(_OPENING.match(start)) and b'"tokens"' in start and b'"h"' in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the sentences, relation by relation."""
        for relation, sentence in read_arrays(path):
            yield Value({"relation": relation, "sentence": sentence.content}, sentence.place)

    def document(self, record: Value) -> Document:
        """Converts a sentence to a document, labelled with the relation that lists it."""
        sentence = Value(record.content["sentence"], record.place)
        words, identity = sentence.field("tokens").texts(), sentence.optional("id")
        head, tail = (_entity(sentence.field(side), words) for side in ("h", "t"))
        return sentence_document(identity.text() if identity else "", [words], head, tail, record.content["relation"])

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the sentences grouped by relation; collects them in memory first.

        Raises:
            FormatError: a document is not one sentence with one label, or has data that FewRel has no field for.
        """
        with replacing(path) as unfinished, unfinished.open("wb") as stream:
            rows: dict[str, list[str]] = defaultdict(list)
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                check_sentence(document, place, "FewRel")
                row, relation = _to_row(document), document.labels[0].relation
                record = Value({"relation": relation, "sentence": row}, place)
                check_lossless(document, partial(self.document, record), place, "FewRel")
                rows[relation].append(json.dumps(row, ensure_ascii=False))
            lists = (f"{json.dumps(name, ensure_ascii=False)}: [{', '.join(row)}]" for name, row in rows.items())
            stream.write(("{" + ",\n".join(lists) + "}\n").encode())


def _entity(value: Value, words: tuple[str, ...]) -> Entity:
    parts = list(value.items())
    if len(parts) != 3:
        raise value.error("a name, an id and a list of mentions")
    name, identity, mentions = parts
    spans = [_span(mention, words) for mention in mentions.items("mention")]
    return Entity(
        mentions=tuple(Mention(sentence=0, start=start, end=end, name=name.text()) for start, end in spans),
        id=None if identity.content is None else identity.text(),
    )


def _span(mention: Value, words: tuple[str, ...]) -> tuple[int, int]:
    numbers = mention.numbers()
    if not numbers or list(numbers) != list(range(numbers[0], numbers[0] + len(numbers))):
        raise mention.error("consecutive word numbers")
    check_words(mention, numbers[0], numbers[-1] + 1, words)
    return numbers[0], numbers[-1] + 1


def _to_row(document: Document) -> dict[str, Any]:
    head, tail = map(_side, document.entities)
    return id_field(document) | {"tokens": list(document.sentences[0]), "h": head, "t": tail}


def _side(entity: Entity) -> list[Any]:
    return [entity.mentions[0].name, entity.id, [list(range(m.start, m.end)) for m in entity.mentions]]
