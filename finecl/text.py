"""How an encoder reads documents: words to sub-words, mentions to token spans, and what truncation loses.

Words are joined by single spaces and aligned to sub-words by the fast tokenizer's character offsets, so any fast
tokenizer serves. The result is a table of integers, memory-mapped as Arrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finecl.artifacts.files import write_arrow
from finecl.artifacts.provenance import fingerprint
from finecl.errors import ModelError
from finecl.hiding import hidden
from finecl.marking import Markers
from finecl.numerics.ragged import entity_key
from finecl.token_rows import TokenRows
from finecl.types import Bools, Document, Instances, Ints, Mentions

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus

_LAYOUT = 2  # to be raised when the columns change: cached files of another layout are not read
_COLUMNS = ("input_ids", "sentence_start", "mention_start", "mention_end", "mention_entity")


class Reader:
    """A fast tokenizer and the number of sub-words that it may give a document.

    ``markers`` are the words that stand around head and tail in marked sentences, if the vocabulary has any.
    """

    def __init__(
        self, tokenizer: Any, max_length: int, markers: Markers | None = None, mentions: Mentions = "text"
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(f"a fast tokenizer is needed to align words, got {type(tokenizer).__name__}")
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.markers = markers
        self.mentions = mentions
        self.first: int = tokenizer.cls_token_id
        self.last: int = tokenizer.sep_token_id
        self.mask: int = tokenizer.mask_token_id
        self.special: Ints = np.array(sorted(tokenizer.all_special_ids), dtype=np.int64)
        self.vocabulary: int = len(tokenizer)
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()

    @property
    def fingerprint(self) -> str:
        """Changes when the same words would give other tokens."""
        hidden = () if self.mentions == "text" else (self.mentions,)
        return fingerprint(self._backend.to_str(), self.max_length, _LAYOUT, *hidden)

    def hiding(self, mentions: Mentions) -> Reader:
        """The same reader, reading the types of entities in the place of their mentions, or blanks."""
        return Reader(self.tokenizer, self.max_length, self.markers, mentions)

    def encode(self, text: str) -> list[int]:
        """Sub-words of a text, without special tokens."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def seen(self, documents: Sequence[Document]) -> Sequence[Document]:
        """The documents with their mentions hidden, if this reader hides them."""
        if self.mentions == "text":
            return documents
        return [hidden(document, self.mentions, self.tokenizer.mask_token) for document in documents]

    def encodings(self, documents: Sequence[Document]) -> Sequence[Any]:
        """The sub-words of each document with their character offsets, its words joined by single spaces."""
        texts = [" ".join(word for sentence in d.sentences for word in sentence) for d in documents]
        encodings: Sequence[Any] = self._backend.encode_batch(texts, add_special_tokens=False)
        return encodings

    def read(self, documents: Sequence[Document]) -> dict[str, list[Any]]:
        """One row a document: the parts of ``TokenRows`` and the number of entities.

        Tokens and mentions beyond ``max_length`` are left out.
        """
        rows: dict[str, list[Any]] = {column: [] for column in _COLUMNS}
        rows["entities"] = [len(document.entities) for document in documents]
        documents = self.seen(documents)
        for document, encoding in zip(documents, self.encodings(documents), strict=True):
            ids = encoding.ids[: self.max_length - 2]
            rows["input_ids"].append([self.first, *ids, self.last])
            start, end, entity = mention_tokens(document, encoding.offsets)
            kept = (end > start) & (end <= len(ids))
            rows["sentence_start"].append(sentence_starts(document, encoding.offsets, len(ids)))
            rows["mention_start"].append(start[kept] + 1)
            rows["mention_end"].append(end[kept] + 1)
            rows["mention_entity"].append(entity[kept])
        return rows


def sentence_starts(document: Document, offsets: Sequence[tuple[int, int]], kept: int) -> Ints:
    """The first token of each sentence that is within reach, the special one in front counted; the first has 0."""
    lengths = np.array([sum(len(word) + 1 for word in sentence) for sentence in document.sentences], dtype=np.int64)
    ends = np.array(offsets, dtype=np.int64).reshape(-1, 2)[:, 1]
    starts = np.searchsorted(ends, np.cumsum(lengths)[:-1], side="right") + 1
    return np.concatenate([[0], starts[starts <= kept]])


def _sentences(starts: Ints, column: Any, lengths: Ints) -> Ints:
    """The number of each token's sentence within its document."""
    counts = column.value_lengths().to_numpy().astype(np.int64)
    first = np.repeat(np.cumsum(lengths) - lengths, counts)
    begins = np.zeros(int(lengths.sum()), dtype=np.int64)
    np.add.at(begins, first + starts, 1)
    number = np.cumsum(begins) - 1
    before = np.cumsum(counts) - counts
    found: Ints = number - np.repeat(before, lengths)
    return found


def mention_tokens(document: Document, offsets: Sequence[tuple[int, int]]) -> tuple[Ints, Ints, Ints]:
    """First token, end token and entity of each mention; a mention that gives no token has end <= start."""
    words = [word for sentence in document.sentences for word in sentence]
    word_end = np.cumsum([len(word) + 1 for word in words], dtype=np.int64) - 1
    word_start = word_end - np.array([len(word) for word in words], dtype=np.int64)
    sentence_start = np.concatenate([[0], np.cumsum([len(s) for s in document.sentences])])
    mentions = [(e, m) for e, entity in enumerate(document.entities) for m in entity.mentions]
    first = np.array([sentence_start[m.sentence] + m.start for _, m in mentions], dtype=np.int64)
    last = np.array([sentence_start[m.sentence] + m.end - 1 for _, m in mentions], dtype=np.int64)
    spans = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    start = np.searchsorted(spans[:, 1], word_start[first], side="right")
    end = np.searchsorted(spans[:, 0], word_end[last], side="left")
    return start, end, np.array([e for e, _ in mentions], dtype=np.int64)


class Tokens:
    """A corpus as an encoder reads it: memory-mapped columns, read by document number.

    ``marked`` says whether rows are marked sentences, whose one question is about entity 0 and entity 1.
    """

    marked = False

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset.with_format("arrow")
        self.lengths: Ints = _lengths(dataset, "input_ids")
        self.entities: Ints = np.asarray(dataset.data.column("entities"), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(cls, corpus: Corpus, reader: Reader, cache: Path) -> Tokens:
        """The tokens of a corpus, from the cache when the same reader has read it before."""
        path = cache / "tokens" / f"{fingerprint(corpus.fingerprint, reader.fingerprint)}.arrow"
        return cls(write_arrow(path, lambda: _chunks(corpus, reader), token_features()))

    def rows(self, documents: Ints) -> TokenRows:
        """The documents of these numbers, in this order."""
        table = self._dataset[documents.tolist()]
        columns = {name: table[name].combine_chunks() for name in _COLUMNS}
        flat = {name: column.flatten().to_numpy().astype(np.int64) for name, column in columns.items()}
        return TokenRows(
            ids=flat["input_ids"],
            lengths=self.lengths[documents],
            start=flat["mention_start"],
            end=flat["mention_end"],
            entity=flat["mention_entity"],
            mentions=columns["mention_entity"].value_lengths().to_numpy().astype(np.int64),
            sentence=_sentences(flat["sentence_start"], columns["sentence_start"], self.lengths[documents]),
        )

    def part(self, documents: Ints) -> Tokens:
        """Some of the documents, numbered anew from 0; nothing is copied."""
        return _Part(self, documents)


class _Part(Tokens):
    """Some of the rows of other tokens."""

    def __init__(self, whole: Tokens, documents: Ints) -> None:
        self._whole, self._documents = whole, documents
        self.marked = whole.marked
        self.lengths, self.entities = whole.lengths[documents], whole.entities[documents]

    def rows(self, documents: Ints) -> TokenRows:
        """The documents of these numbers, in this order."""
        return self._whole.rows(self._documents[documents])


def token_features() -> dict[str, Any]:
    """The columns of token rows, as features of a data set."""
    from datasets import List, Value

    return {column: List(Value("int32")) for column in _COLUMNS} | {"entities": Value("int32")}


def _chunks(corpus: Corpus, reader: Reader, size: int = 256) -> Iterator[Mapping[str, list[Any]]]:
    for at in range(0, len(corpus), size):
        yield reader.read([corpus.document(i) for i in range(at, min(at + size, len(corpus)))])


def _lengths(dataset: Any, column: str) -> Ints:
    chunks = [chunk.value_lengths().to_numpy() for chunk in dataset.data.column(column).chunks]
    return np.concatenate(chunks).astype(np.int64) if chunks else np.zeros(0, dtype=np.int64)


def reached(instances: Instances, tokens: Tokens) -> Bools:
    """Which instances have a mention of head and of tail within the encoder's reach ``[N]``."""
    seen = [entity_key(documents, rows.entity) for documents, rows in _all_mentions(tokens)]
    keys = np.concatenate(seen) if seen else np.zeros(0, dtype=np.int64)
    head, tail = (entity_key(instances.document, column) for column in (instances.head, instances.tail))
    return np.isin(head, keys) & np.isin(tail, keys)


def describe_loss(corpus_name: str, tokens: Tokens, instances: Instances, kept: Bools) -> str | None:
    """One line on what truncation lost of a corpus: entities, and labels by relation; None if nothing was."""
    entities = sum(int(np.unique(entity_key(d, rows.entity)).size) for d, rows in _all_mentions(tokens))
    lost_entities = int(tokens.entities.sum()) - entities
    if not lost_entities and kept.all():
        return None
    ids, counts = np.unique(instances.relation[~kept], return_counts=True)
    most = sorted(zip(counts.tolist(), ids.tolist(), strict=True), reverse=True)[:5]
    named = ", ".join(f"{instances.relations[i]} {count}" for count, i in most)
    return (
        f"{corpus_name}: {lost_entities} of {int(tokens.entities.sum())} entities and {int((~kept).sum())} of "
        f"{len(kept)} labels lie beyond the encoder's reach" + (f" ({named})" if named else "")
    )


def _all_mentions(tokens: Tokens) -> Iterator[tuple[Ints, TokenRows]]:
    for at in range(0, len(tokens), 1024):
        documents = np.arange(at, min(at + 1024, len(tokens)))
        rows = tokens.rows(documents)
        yield np.repeat(documents, rows.mentions), rows
