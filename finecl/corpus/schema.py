"""Schema of a corpus on disk: validated documents as rows of DocRED's columns, with a uid for each label."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from finecl.corpus.validation import check_document
from finecl.errors import FormatError
from finecl.types import Document, Entity, Ints, Label, Mention, Uids

OnEmpty = Literal["error", "skip"]
"""Treatment of a document without entities."""

_CHUNK = 256  # documents held in memory while writing


class DocumentRows:
    """Validates documents, converts them to rows and hashes them, chunk by chunk."""

    def __init__(self, documents: Iterable[Document], source: str, on_empty: OnEmpty) -> None:
        self.content = hashlib.blake2b(digest_size=8)
        self._documents, self._source, self._on_empty = documents, source, on_empty

    def chunks(self) -> Iterator[Mapping[str, list[Any]]]:
        """Yields the columns of a few documents at a time."""
        rows: list[dict[str, Any]] = []
        written = 0
        for row in self._rows():
            rows.append(row)
            written += 1
            if len(rows) == _CHUNK:
                yield _chunk(rows)
                rows = []
        if rows:
            yield _chunk(rows)
        if not written:
            raise FormatError(f"{self._source}: expected documents with entities, got none; check file and format")

    def _rows(self) -> Iterator[dict[str, Any]]:
        uids = LabelUids()
        for number, document in enumerate(self._documents, start=1):
            where = f"{self._source}: document {number} ('{document.title}')"
            check_document(document, where)
            if document.entities:
                row = to_row(document, uids.of(document))
                self.content.update(_json(row))
                yield row
            elif self._on_empty == "error":
                cure = "remove the document, or set data.without_entities = 'skip'"
                raise FormatError(f"{where}, entities: expected at least one, got none; {cure}")


def _chunk(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def columns() -> Mapping[str, Any]:
    """Returns the features of a corpus's data set."""
    from datasets import List, Value

    text, number = Value("string"), Value("int32")
    mention = {"name": text, "sent_id": number, "pos": List(number), "type": text}
    label = {"head": number, "tail": number, "relation": text, "uid": text, "evidence": List(number), "truth": text}
    return {
        "title": text,
        "sents": List(List(text)),
        "vertexSet": List(List(mention)),
        "labels": List(label),
        "entity_ids": List(text),
    }


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """All labels of a data set as columns; ``document`` counts from 0; the last two are Arrow arrays of strings."""

    document: Ints
    head: Ints
    tail: Ints
    uid: Uids
    relation: Any
    truth: Any

    @classmethod
    def of(cls, dataset: Any) -> LabelColumns:
        """Reads only the labels of a data set with a corpus's columns."""
        labels = dataset.select_columns("labels").with_format("arrow")[:]["labels"].combine_chunks()
        flat = labels.flatten()
        return cls(
            document=np.repeat(np.arange(len(labels)), labels.value_lengths().to_numpy()),
            head=flat.field("head").to_numpy().astype(np.int64),
            tail=flat.field("tail").to_numpy().astype(np.int64),
            uid=np.array([int(uid, 16) for uid in flat.field("uid").to_pylist()], dtype=np.uint64),
            relation=flat.field("relation"),
            truth=flat.field("truth"),
        )

    def relation_ids(self, relations: Sequence[str], no_relation: str) -> Ints:
        """Returns the index of each label's relation in ``relations``; -1 for ``no_relation``.

        Raises:
            FormatError: a relation is unknown.
        """
        encoded = self.relation.dictionary_encode()
        numbers = {name: number for number, name in enumerate(relations)} | {no_relation: -1}
        names = encoded.dictionary.to_pylist()
        for name in names:
            if name not in numbers:
                raise _unknown(name, relations)
        table: Ints = np.array([numbers[name] for name in names], dtype=np.int64)
        ids: Ints = table[encoded.indices.to_numpy()]
        return ids


def _unknown(name: str, relations: Sequence[str]) -> FormatError:
    near = difflib.get_close_matches(name, relations, n=1, cutoff=0.0)
    hint = f"the nearest is '{near[0]}'; " if near else ""
    return FormatError(
        f"labels, relation: expected one of {len(relations)} known relations, got '{name}'; "
        f"{hint}correct the name or train with documents that have it"
    )


class LabelUids:
    """Computes the uids of a corpus's labels, document after document.

    A uid is a hash of title, sentences, mentions of head and tail, and relation. For repeated content the occurrence
    number is hashed too, so that the uids of a corpus are distinct.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, document: Document) -> list[str]:
        """Returns the uid of each label: 16 hexadecimal digits."""
        text = hashlib.blake2b(_json([document.title, document.sentences]), digest_size=8)
        spans = [sorted((m.sentence, m.start, m.end) for m in entity.mentions) for entity in document.entities]
        uids = []
        for label in document.labels:
            content = text.copy()
            content.update(_json([spans[label.head], spans[label.tail], label.relation]))
            plain = content.hexdigest()
            if self._seen[plain]:
                content.update(_json(self._seen[plain]))
            self._seen[plain] += 1
            uids.append(content.hexdigest())
        return uids


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def to_row(document: Document, uids: list[str]) -> dict[str, Any]:
    """Converts a document to a row of the corpus's columns."""
    labels = [
        {
            "head": label.head,
            "tail": label.tail,
            "relation": label.relation,
            "uid": uid,
            "evidence": list(label.evidence),
            "truth": label.truth,
        }
        for label, uid in zip(document.labels, uids, strict=True)
    ]
    return {
        "title": document.title,
        "sents": [list(sentence) for sentence in document.sentences],
        "vertexSet": [[_mention_row(m) for m in entity.mentions] for entity in document.entities],
        "labels": labels,
        "entity_ids": [entity.id for entity in document.entities],
    }


def _mention_row(mention: Mention) -> dict[str, Any]:
    span = [mention.start, mention.end]
    return {"name": mention.name, "sent_id": mention.sentence, "pos": span, "type": mention.type}


def from_row(row: Mapping[str, Any]) -> Document:
    """Converts a row of the corpus's columns to a document."""
    entities = zip(row["vertexSet"], row["entity_ids"], strict=True)
    return Document(
        title=row["title"],
        sentences=tuple(tuple(sentence) for sentence in row["sents"]),
        entities=tuple(Entity(mentions=tuple(map(_mention, vertex)), id=identity) for vertex, identity in entities),
        labels=tuple(map(_label, row["labels"])),
    )


def _mention(row: Mapping[str, Any]) -> Mention:
    start, end = row["pos"]
    return Mention(sentence=row["sent_id"], start=start, end=end, name=row["name"], type=row["type"])


def _label(row: Mapping[str, Any]) -> Label:
    return Label(
        head=row["head"],
        tail=row["tail"],
        relation=row["relation"],
        evidence=tuple(row["evidence"]),
        truth=row["truth"],
    )
