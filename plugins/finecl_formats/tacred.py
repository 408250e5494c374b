"""TACRED's JSON (Zhang et al. 2017; also TACREV and Re-TACRED): a list of sentences with subject and object.

One object per sentence: ``id``, ``relation`` ("no_relation" for none; optional for prediction), ``token``,
``subj_start``, ``subj_end``,
``obj_start``, ``obj_end`` (word indices from 0, the end *inclusive*), ``subj_type``, ``obj_type``. Other fields, such
as ``docid`` and ``stanford_pos``, are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from finecl.errors import FormatError
from finecl.types import Document, Entity
from finecl_formats.files import first_bytes, replacing_array
from finecl_formats.json_array import read_array
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place
from finecl_formats.records import Records
from finecl_formats.sentences import check_sentence, check_words, sentence_document, words_mention

_SIDES = ("subj", "obj")


@dataclass(frozen=True, kw_only=True)
class TACRED(Records):
    """One list of sentences: id, relation, token, and inclusive spans and types of subject and object."""

    unique: ClassVar[bool] = True
    one_label: ClassVar[bool] = True

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with a list of objects that have a subject."""
        start = first_bytes(path)
        return start[:1] == b"[" and start[1:].lstrip()[:1] == b"{" and b'"subj_start"' in start

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the members of the list."""
        return read_array(path)

    def document(self, record: Value) -> Document:
        """Converts a member to a document of one sentence."""
        title, words = record.field("id").text(), record.field("token").texts()
        head, tail = (_entity(record, side, words) for side in _SIDES)
        relation = record.optional("relation")
        return sentence_document(title, [words], head, tail, relation.text() if relation else None)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the sentences.

        Raises:
            FormatError: a document is not one sentence with one label, or has data that TACRED has no field for.
        """
        with replacing_array(path) as add:
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                check_sentence(document, place, "TACRED")
                row = _to_row(document)
                check_lossless(document, partial(self.document, Value(row, place)), place, "TACRED")
                add(json.dumps(row, ensure_ascii=False).encode())


def _entity(record: Value, side: str, words: tuple[str, ...]) -> Entity:
    first, last = record.field(f"{side}_start"), record.field(f"{side}_end")
    start, end = first.number(), last.number() + 1
    span = Value([start, end - 1], f"{record.place}, {side}_start and {side}_end")
    check_words(span, start, end, words, inclusive=True)
    kind = record.optional(f"{side}_type")
    return Entity(mentions=(words_mention(words, start, end, kind.text() if kind else None),))


def _to_row(document: Document) -> dict[str, Any]:
    (words,) = document.sentences
    row: dict[str, Any] = {"id": document.title, "relation": document.labels[0].relation, "token": list(words)}
    for side, entity in zip(_SIDES, document.entities, strict=True):
        mention = entity.mentions[0]
        row |= {f"{side}_start": mention.start, f"{side}_end": mention.end - 1, f"{side}_type": mention.type}
    return row
