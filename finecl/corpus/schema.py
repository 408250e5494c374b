"""Documents as rows of DocRED's columns, checked and with uids: what a corpus holds on disk."""

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
"""What becomes of a document without entities."""

_CHUNK = 256  # documents that are held in memory while writing


class DocumentRows:
    """Checks documents on their way to disk, and hashes what passes."""

    def __init__(self, documents: Iterable[Document], source: str, on_empty: OnEmpty) -> None:
        self.content = hashlib.blake2b(digest_size=8)
        self._documents, self._source, self._on_empty = documents, source, on_empty

    def chunks(self) -> Iterator[Mapping[str, list[Any]]]:
        """Columns of some documents at a time."""
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
                yield self._hashed(document, uids, where)
            elif self._on_empty == "error":
                cure = "remove the document, or set data.without_entities = 'skip'"
                raise FormatError(f"{where}, entities: expected at least one, got none; {cure}")

    def _hashed(self, document: Document, uids: LabelUids, where: str) -> dict[str, Any]:
        try:
            row = to_row(document, uids.of(document))
            self.content.update(_json(row))
        except UnicodeEncodeError as error:  # JSON can spell half a surrogate pair, Arrow cannot hold it
            came = ascii(error.object[error.start])
            raise FormatError(f"{where}: expected Unicode text, got {came}; remove that character") from None
        return row


def _chunk(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def columns() -> Mapping[str, Any]:
    """The features of a corpus's data set."""
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
    """All labels of a data set as columns, ``document`` counted from 0; the last two are Arrow arrays of strings."""

    document: Ints
    head: Ints
    tail: Ints
    uid: Uids
    relation: Any
    truth: Any

    @classmethod
    def of(cls, dataset: Any) -> LabelColumns:
        """The labels of a data set with a corpus's columns; nothing else is read."""
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
        """The number of each label's relation in ``relations``; -1 for ``no_relation``.

        Raises:
            FormatError: a relation is not known.
        """
        encoded = self.relation.dictionary_encode()
        numbers = {name: number for number, name in enumerate(relations)} | {no_relation: -1}
        found = encoded.dictionary.to_pylist()
        for name in found:
            if name not in numbers:
                raise _unknown(name, relations)
        table: Ints = np.array([numbers[name] for name in found], dtype=np.int64)
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
    """Hands out the uids of a corpus's labels, document after document.

    A uid is a hash of title, sentences, mentions of head and tail, and relation. What has been seen before gets
    its occurrence number hashed in, so that the uids of a corpus are distinct.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, document: Document) -> list[str]:
        """One uid a label: 16 hexadecimal digits."""
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
    """The document as a row of the corpus's columns."""
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
    """The document that a row of the corpus's columns holds."""
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
