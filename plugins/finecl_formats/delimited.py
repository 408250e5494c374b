"""CSV and TSV files with a header: one row a sentence or text, with head, relation and tail.

The columns ``text`` (or ``sentence``), ``head``, ``relation`` and ``tail`` are required. ``head_start``, ``head_end``,
``tail_start`` and ``tail_end`` are character offsets [start, end) of ``text``; without them every occurrence of the
name, as whole words by Unicode's rules, is a mention. ``head_type``, ``tail_type``, ``head_id``, ``tail_id``, ``id``
(the title) and ``truth`` (the true relation) are optional. Other columns are ignored.

A file with the columns ``text`` and ``label`` only is text classification: head and tail are both the whole text, so
that the markers of the extractor ``markers`` stand around it.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention
from finecl_formats.characters import document_to_text, text_to_words, whole_word_spans
from finecl_formats.csv_rows import copy_rows, delimiter_of, read_rows
from finecl_formats.files import first_bytes, replacing
from finecl_formats.json_values import Value, shortened
from finecl_formats.lossless import check_lossless, document_place, refusal
from finecl_formats.records import Records
from finecl_formats.sentences import content_title

_TEXTS, _REQUIRED = ("text", "sentence"), ("head", "relation", "tail")
_SIDES = ("head", "tail")
_OFFSETS = tuple(f"{side}_{end}" for side in _SIDES for end in ("start", "end"))
_CLASSIFICATION = ("id", "text", "label", "truth")
_COLUMNS = ("id", "text", "head", "relation", "tail", *_OFFSETS)
_MORE = "anything but two entities with one label from the first to the second"
_OPTIONAL = ("head_type", "tail_type", "head_id", "tail_id", "truth")


@dataclass(frozen=True, kw_only=True)
class Delimited(Records):
    """A row a label: text, head, relation and tail; separated by commas, semicolons or tabs."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    one_label: ClassVar[bool] = True

    def recognises(self, path: Path) -> bool:
        """Returns whether the first line names the required columns."""
        header = first_bytes(path).partition(b"\n")[0].decode("utf-8", "replace")
        names = {name.strip().strip('"').lower() for name in header.split(delimiter_of(header))}
        return bool(names & set(_TEXTS)) and (names.issuperset(_REQUIRED) or _is_classification(names))

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the rows as objects of texts by column; an error in the place of a row with other fields."""
        yield from read_rows(path)

    def document(self, record: Value) -> Document:
        """Converts a row to a document with two entities and one label."""
        row: Mapping[str, str] = record.content
        if _is_classification(row):
            return _classified(record)
        if not row.get("text"):
            record = replace(
                record, content={**row, "text": record.field("sentence").text() if "sentence" in row else ""}
            )
            row = record.content
        for name in ("text", *_REQUIRED):
            if not record.field(name).text().strip():
                raise record.field(name).error("a text that is not empty")
        spans_of = {side: _spans(record, side) for side in _SIDES}
        words = text_to_words(row["text"], [span for spans in spans_of.values() for span in spans], record.place)
        entities, at = [], 0
        for side, spans in spans_of.items():
            numbers = range(at, at + len(spans))
            mentions = tuple(words.mention(n, row.get(f"{side}_type") or None) for n in numbers)
            entities.append(Entity(mentions=mentions, id=row.get(f"{side}_id") or None))
            at += len(spans)
        labels = (Label(head=0, tail=1, relation=row["relation"], truth=row.get("truth") or None),)
        title = row.get("id") or content_title(words.sentences, entities, labels)
        return Document(title=title, sentences=words.sentences, entities=tuple(entities), labels=labels)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes a row for each document, separated by tabs if the name ends with .tsv, else by commas.

        Raises:
            FormatError: a document has not two entities and one label, or has data that the format has no column for.
        """
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
            writer = None
            for number, document in enumerate(documents, start=1):
                row = self._row(document, document_place(path, number, document))
                if writer is None:
                    names = _CLASSIFICATION if "label" in row else (*_COLUMNS, *_OPTIONAL)
                    writer = csv.DictWriter(stream, names, delimiter=delimiter, lineterminator="\n")
                    writer.writeheader()
                if ("label" in row) != ("label" in writer.fieldnames):
                    place = document_place(path, number, document)
                    raise refusal(place, "CSV", "whole texts and texts with entities in one file")
                writer.writerow(row)

    def rewrite(self, source: Path, documents: Iterable[Document | None], path: Path) -> None:
        """Copies the rows of ``source`` with other labels; other columns, and rows whose label stays, are not changed.

        Raises:
            FormatError: a document has not one label from the first entity to the second.
        """

        def relations() -> Iterator[str | None]:
            for number, document in enumerate(documents, start=1):
                if document and [(each.head, each.tail) for each in document.labels] != [(0, 1)]:
                    raise refusal(document_place(path, number, document), "CSV", _MORE)
                yield document.labels[0].relation if document else None

        copy_rows(source, path, lambda names: "label" if _is_classification(names) else "relation", relations())

    def _row(self, document: Document, place: str) -> dict[str, Any]:
        """Returns a row that reads back as the document: with offsets only if names alone would not do.

        Raises:
            FormatError: no row does.
        """
        if len(document.entities) != 2 or [(each.head, each.tail) for each in document.labels] != [(0, 1)]:
            raise refusal(place, "CSV", _MORE)
        text, spans = document_to_text(document)
        default = content_title(document.sentences, document.entities, document.labels)
        row: dict[str, Any] = {"text": text, "truth": document.labels[0].truth or ""}
        row |= {"id": "" if document.title == default else document.title}
        if len(document.sentences) == 1 and all(each == [(0, len(text))] for each in spans):
            row |= {"label": document.labels[0].relation}
            check_lossless(document, partial(self.document, Value(row, place)), place, "CSV")
            return row
        row |= {"relation": document.labels[0].relation}
        for side, entity in zip(_SIDES, document.entities, strict=True):
            row |= {side: entity.mentions[0].name, f"{side}_type": entity.type or "", f"{side}_id": entity.id or ""}
        try:
            if self.document(Value(row, place)) == document:
                return row
        except FormatError:
            pass  # a name that does not occur as whole words: the offsets say where it stands
        for side, (first, *_) in zip(_SIDES, spans, strict=True):
            row |= {f"{side}_start": str(first[0]), f"{side}_end": str(first[1])}
        check_lossless(document, partial(self.document, Value(row, place)), place, "CSV")
        return row


def _is_classification(names: Collection[str]) -> bool:
    """Returns whether a row labels a whole text."""
    return "label" in names and not {"head", "tail"} & set(names)


def _classified(record: Value) -> Document:
    """Converts a row with a text and a label to a document whose head and tail are the whole text."""
    row = record.content
    field = record.field("text" if "text" in row else "sentence")
    words = tuple(field.text().split())
    for name, found in ((field, words), (record.field("label"), row["label"].strip())):
        if not found:
            raise name.error("a text that is not empty")
    mention = Mention(sentence=0, start=0, end=len(words), name=" ".join(words))
    entities = (Entity(mentions=(mention,)), Entity(mentions=(mention,)))
    labels = (Label(head=0, tail=1, relation=row["label"], truth=row.get("truth") or None),)
    return Document(
        title=row.get("id") or content_title([words], entities, labels),
        sentences=(words,),
        entities=entities,
        labels=labels,
    )


def _spans(record: Value, side: str) -> list[tuple[int, int]]:
    """Returns the character spans of an entity's mentions: by the offsets, or by every occurrence of its name.

    Raises:
        FormatError: the name does not occur, or an offset is not a whole number.
    """
    row: Mapping[str, str] = record.content
    start, end = row.get(f"{side}_start"), row.get(f"{side}_end")
    if start and end:
        if not all(number.isdecimal() and len(number) < 19 for number in (start, end)):
            raise FormatError(
                f"{record.place}, {side}_start and {side}_end: expected whole numbers, got "
                f"{shortened(start)}, {shortened(end)}"
            )
        return [(int(start), int(end))]
    name = row[side].strip()
    found = whole_word_spans(row["text"], name)
    if not found:
        advice = f"correct it, or give the columns {side}_start and {side}_end"
        raise FormatError(f"{record.place}, {side}: expected a name in the text, got '{shortened(name)}'; {advice}")
    return found
