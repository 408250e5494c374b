"""A tokenized corpus as memory-mapped columns, and the labels lost by truncation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from finecl.artifacts.cache import cached_arrow
from finecl.artifacts.provenance import fingerprint
from finecl.numerics.ragged import entity_key
from finecl.tokens.token_rows import TOKEN_COLUMNS, TokenBatch
from finecl.types import Bools, Document, Instances, Ints

if TYPE_CHECKING:
    from finecl.tokens.tokenizer import DocumentTokenizer


class Documents(Protocol):
    """A sequence of documents with a fingerprint of their content; ``finecl.corpus.Corpus`` is one."""

    @property
    def fingerprint(self) -> str:
        """Returns a hash of the content of all documents."""
        ...

    def __len__(self) -> int:
        """Returns the number of documents."""
        ...

    def document(self, index: int) -> Document:
        """Returns the document of this number, from 0."""
        ...


def _sentences(starts: Ints, column: Any, lengths: Ints) -> Ints:
    """Returns the number of each token's sentence within its document."""
    counts = column.value_lengths().to_numpy().astype(np.int64)
    first = np.repeat(np.cumsum(lengths) - lengths, counts)
    begins = np.zeros(int(lengths.sum()), dtype=np.int64)
    np.add.at(begins, first + starts, 1)
    number = np.cumsum(begins) - 1
    before = np.cumsum(counts) - counts
    sentence: Ints = number - np.repeat(before, lengths)
    return sentence


class TokenizedCorpus:
    """A tokenized corpus in memory-mapped columns, read by document number.

    ``marked``: rows are marked sentences, whose only candidate pair is (entity 0, entity 1).
    """

    marked = False

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset.with_format("arrow")
        self.lengths: Ints = _lengths(dataset, "input_ids")
        self.entities: Ints = np.asarray(dataset.data.column("entities"), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def of(cls, corpus: Documents, tokenizer: DocumentTokenizer, cache: Path) -> TokenizedCorpus:
        """Tokenizes a corpus, or reads its tokens from the cache."""
        path = cache / "tokens" / f"{fingerprint(corpus.fingerprint, tokenizer.fingerprint)}.arrow"
        return cls(cached_arrow(path, lambda: _chunks(corpus, tokenizer), token_features()))

    def rows(self, documents: Ints) -> TokenBatch:
        """Returns the documents with these numbers, in this order."""
        table = self._dataset[documents.tolist()]
        columns = {name: table[name].combine_chunks() for name in TOKEN_COLUMNS}
        flat = {name: column.flatten().to_numpy().astype(np.int64) for name, column in columns.items()}
        return TokenBatch(
            ids=flat["input_ids"],
            lengths=self.lengths[documents],
            start=flat["mention_start"],
            end=flat["mention_end"],
            entity=flat["mention_entity"],
            mentions=columns["mention_entity"].value_lengths().to_numpy().astype(np.int64),
            sentence=_sentences(flat["sentence_start"], columns["sentence_start"], self.lengths[documents]),
        )

    def part(self, documents: Ints) -> TokenizedCorpus:
        """Returns a part of the documents, renumbered from 0; nothing is copied."""
        return _Part(self, documents)


class _Part(TokenizedCorpus):
    """A selection of rows of another tokenized corpus."""

    def __init__(self, whole: TokenizedCorpus, documents: Ints) -> None:
        self._whole, self._documents = whole, documents
        self.marked = whole.marked
        self.lengths, self.entities = whole.lengths[documents], whole.entities[documents]

    def rows(self, documents: Ints) -> TokenBatch:
        """Returns the documents with these numbers, in this order."""
        return self._whole.rows(self._documents[documents])


def token_features() -> dict[str, Any]:
    """Returns the token columns as features of a data set."""
    from datasets import List, Value

    return {column: List(Value("int32")) for column in TOKEN_COLUMNS} | {"entities": Value("int32")}


def _chunks(corpus: Documents, tokenizer: DocumentTokenizer, size: int = 256) -> Iterator[Mapping[str, list[Any]]]:
    for at in range(0, len(corpus), size):
        yield tokenizer.read([corpus.document(i) for i in range(at, min(at + size, len(corpus)))])


def _lengths(dataset: Any, column: str) -> Ints:
    chunks = [chunk.value_lengths().to_numpy() for chunk in dataset.data.column(column).chunks]
    return np.concatenate(chunks).astype(np.int64) if chunks else np.zeros(0, dtype=np.int64)


def reached(instances: Instances, tokens: TokenizedCorpus) -> Bools:
    """Returns which instances have mentions of head and tail within the encoder's reach ``[N]``."""
    chunks = [entity_key(documents, rows.entity) for documents, rows in _all_mentions(tokens)]
    keys = np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.int64)
    head, tail = (entity_key(instances.document, column) for column in (instances.head, instances.tail))
    return np.isin(head, keys) & np.isin(tail, keys)


def describe_loss(corpus_name: str, tokens: TokenizedCorpus, instances: Instances, within_reach: Bools) -> str | None:
    """Describes in one line the entities and labels that truncation lost; None if it lost none.

    ``within_reach`` [N] is the result of ``reached``.
    """
    entities = sum(int(np.unique(entity_key(d, rows.entity)).size) for d, rows in _all_mentions(tokens))
    lost_entities = int(tokens.entities.sum()) - entities
    if not lost_entities and within_reach.all():
        return None
    ids, counts = np.unique(instances.relation[~within_reach], return_counts=True)
    most = sorted(zip(counts.tolist(), ids.tolist(), strict=True), reverse=True)[:5]
    named = ", ".join(f"{instances.relations[i]} {count}" for count, i in most)
    return (
        f"{corpus_name}: {lost_entities} of {int(tokens.entities.sum())} entities and {int((~within_reach).sum())} of "
        f"{len(within_reach)} labels lie beyond the encoder's reach" + (f" ({named})" if named else "")
    )


def _all_mentions(tokens: TokenizedCorpus) -> Iterator[tuple[Ints, TokenBatch]]:
    for at in range(0, len(tokens), 1024):
        documents = np.arange(at, min(at + 1024, len(tokens)))
        rows = tokens.rows(documents)
        yield np.repeat(documents, rows.mentions), rows
