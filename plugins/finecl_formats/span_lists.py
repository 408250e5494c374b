"""The family "tokens, spans, relations" (DyGIE, CrossRE, SpERT, Prodigy), read as a TOML file declares it.

``declared/*.toml`` are the built-in members; docs/data.md describes the fields, for files of one's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention
from finecl_formats.declaration import Declaration, Key, read_declaration
from finecl_formats.files import first_bytes
from finecl_formats.json_array import read_array
from finecl_formats.json_values import Value
from finecl_formats.records import Records
from finecl_formats.text_lines import read_json_lines

_BUILT_IN = Path(__file__).with_name("declared")


@dataclass(frozen=True, kw_only=True)
class SpanLists(Records):
    """Tokens, spans and relations as the TOML file ``schema`` declares them."""

    schema: str | None = None
    built_in: ClassVar[str | None] = None

    def declaration(self, path: Path) -> Declaration:
        """Returns where words, spans and relations stand in the file ``path``.

        Raises:
            FormatError: no declaration is named.
        """
        if self.schema is None and self.built_in is None:
            raise FormatError(f"{path}: the format 'declared' needs its TOML file: --format-option schema=FILE")
        return read_declaration(Path(self.schema) if self.schema else _BUILT_IN / f"{self.built_in}.toml")

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with a record that has the fields of a built-in declaration."""
        if self.built_in is None:
            return False
        declared = self.declaration(path)
        if not first_bytes(path).startswith(b"{" if declared.lines else b"["):
            return False
        try:
            first = next(iter(read_json_lines(path) if declared.lines else read_array(path)), None)
        except FormatError:
            return False
        fields = first.content if isinstance(first, Value) and isinstance(first.content, dict) else {}
        return all(name in fields for name in (declared.words, declared.spans, declared.relations))

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the records, without those that were not accepted."""
        declared = self.declaration(path)
        for record in read_json_lines(path) if declared.lines else read_array(path):
            if declared.accepted and isinstance(record, Value):
                name, value = declared.accepted
                if record.content_of(name) not in (None, value):
                    continue
            yield record

    def document(self, record: Value) -> Document:
        """Converts a record to a document; a relation that is listed twice counts once."""
        declared = self.declaration(Path(record.place))
        title = record.content_of(declared.title)
        reading = _Reading(declared, record)
        listed = list(reading.relations())
        document = Document(
            title=record.place.rpartition(" ")[2] if title is None else str(title),
            sentences=reading.sentences,
            entities=tuple(reading.entities()),
            labels=tuple(Label(head=head, tail=tail, relation=name) for head, tail, name in dict.fromkeys(listed)),
        )
        return self.counted(len(listed), document)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Refuses to write.

        Raises:
            FormatError: always.
        """
        raise FormatError(f"{path}: expected a format that finecl writes, got one that it only reads; write jsonl")


class DyGIE(SpanLists):
    """DyGIE++, SciERC, PURE."""

    built_in = "dygie"


class CrossRE(SpanLists):
    """CrossRE."""

    built_in = "crossre"


class SpERT(SpanLists):
    """SpERT: CoNLL04, ADE."""

    built_in = "spert"


class Prodigy(SpanLists):
    """Prodigy's relations."""

    built_in = "prodigy"


class _Reading:
    """The spans of a record as words ``[start, end)`` of the document, and their entities."""

    def __init__(self, declared: Declaration, record: Value) -> None:
        self.declared, self.record = declared, record
        words = record.field(declared.words)
        nested = bool(words.content) and isinstance(words.content, list) and isinstance(words.content[0], list)
        sentences = list(words.items("sentence")) if nested else [words]
        self.sentences = tuple(self._words(sentence) for sentence in sentences)
        self.first = [sum(map(len, self.sentences[:n])) for n in range(len(self.sentences) + 1)]
        self.spans: dict[tuple[int, int], int] = {}  # the number of each span's entity
        self.kinds: list[tuple[tuple[int, int], str | None, str | None]] = []
        for sentence, item in self._items(declared.spans, "span"):
            place = self._place(item, declared.span.start, declared.span.end, sentence)
            kind, identity = (
                None if k is None else _at(item, k).content for k in (declared.span.type, declared.span.id)
            )
            self.spans.setdefault(place, len(self.kinds))
            self.kinds.append((place, kind, None if identity is None else str(identity)))
        self._merge()

    def _words(self, sentence: Value) -> tuple[str, ...]:
        if self.declared.word is None:
            return sentence.texts()
        return tuple(item.field(self.declared.word).text() for item in sentence.items("word"))

    def _items(self, name: str, what: str) -> Iterator[tuple[int, Value]]:
        """Yields the sentence and value of each span or relation."""
        listed = self.record.optional(name)
        if listed is None:
            return
        if not self.declared.by_sentence:
            yield from ((0, item) for item in listed.items(what))
            return
        lists = list(listed.items("sentence"))
        if len(lists) != len(self.sentences):
            raise listed.error(f"a list for each of the {len(self.sentences)} sentences")
        for number, items in enumerate(lists):
            yield from ((number, item) for item in items.items(what))

    def _place(self, item: Value, start: Key, end: Key, sentence: int) -> tuple[int, int]:
        """Returns a span as words of the document."""
        fields = self.declared.span
        base = self.first[sentence] if fields.count_from == "sentence" else 0
        first, last = _at(item, start).number() + base, _at(item, end).number() + base + fields.inclusive
        holding = [n for n in range(len(self.sentences)) if self.first[n] <= first < last <= self.first[n + 1]]
        if not holding:
            raise item.error(f"a span of words within one sentence of the {self.first[-1]} words")
        return first, last

    def _merge(self) -> None:
        """Joins the spans of each cluster; a span of a cluster that is not listed is a mention without a type."""
        self.entity_of = list(range(len(self.kinds)))
        listed = self.record.optional(self.declared.clusters) if self.declared.clusters else None
        for cluster in listed.items("cluster") if listed else ():
            numbers = []
            for item in cluster.items("span"):
                place = self._place(item, 0, 1, 0)
                if place not in self.spans:
                    self.spans[place] = len(self.kinds)
                    self.kinds.append((place, None, None))
                    self.entity_of.append(len(self.entity_of))
                numbers.append(self.entity_of[self.spans[place]])
            self.entity_of = [min(numbers) if entity in numbers else entity for entity in self.entity_of]
        self.order = {entity: number for number, entity in enumerate(dict.fromkeys(sorted(self.entity_of)))}

    def entities(self) -> Iterator[Entity]:
        """Yields the entities, in the order of their first spans."""
        for entity in self.order:
            yield Entity(mentions=tuple(self._mention(n) for n, e in enumerate(self.entity_of) if e == entity))

    def _mention(self, number: int) -> Mention:
        (first, last), kind, _ = self.kinds[number]
        sentence = max(n for n in range(len(self.sentences)) if self.first[n] <= first)
        start, end = first - self.first[sentence], last - self.first[sentence]
        name = " ".join(self.sentences[sentence][start:end])
        return Mention(sentence=sentence, start=start, end=end, name=name, type=kind)

    def relations(self) -> Iterator[tuple[int, int, str]]:
        """Yields head, tail (entities) and relation."""
        fields = self.declared.relation
        for sentence, item in self._items(self.declared.relations, "relation"):
            head, tail = (self._end(item, key, sentence) for key in (fields.head, fields.tail))
            yield head, tail, _at(item, fields.type).text()

    def _end(self, item: Value, key: Any, sentence: int) -> int:
        if isinstance(key, Sequence) and not isinstance(key, str):
            number = self.spans.get(self._place(item, key[0], key[1], sentence))
        else:
            number = self._one(_at(item, key))
        if number is None:
            raise item.error("ends that are listed spans")
        return self.order[self.entity_of[number]]

    def _one(self, value: Value) -> int | None:
        ends = self.declared.relation.ends
        if ends == "ids":
            return next((n for n, (_, _, identity) in enumerate(self.kinds) if identity == str(value.content)), None)
        at = value.number()
        if ends == "words":
            return next((n for n, ((first, last), _, _) in enumerate(self.kinds) if first <= at < last), None)
        return at if 0 <= at < len(self.kinds) else None


def _at(item: Value, key: Key) -> Value:
    """Returns a field of an object by name, or a member of a list by position."""
    if isinstance(key, str):
        return item.field(key)
    members = list(item.items())
    if key >= len(members):
        raise item.error(f"at least {key + 1} members")
    return members[key]
