"""Statistics of a corpus: counts, lengths in sub-words, and losses by truncation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from finecl.corpus.names import pair_names
from finecl.errors import ModelError
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Document, Label

_PIECE = 256  # documents that are tokenized together
_SHARES = (0.5, 0.9, 0.99)


@dataclass
class _Counts:
    documents: int = 0
    sentences: int = 0
    words: int = 0
    entities: int = 0
    mentions: int = 0
    labels: int = 0
    labelled_pairs: int = 0
    multi_label_pairs: int = 0
    by_relation: Counter[str] = field(default_factory=Counter)
    by_types: Counter[str] = field(default_factory=Counter)

    def add(self, document: Document) -> None:
        """Counts one document."""
        self.documents += 1
        self.sentences += len(document.sentences)
        self.words += sum(map(len, document.sentences))
        self.entities += len(document.entities)
        self.mentions += sum(len(entity.mentions) for entity in document.entities)
        self.labels += len(document.labels)
        pairs = Counter((label.head, label.tail) for label in document.labels)
        self.labelled_pairs += len(pairs)
        self.multi_label_pairs += sum(count > 1 for count in pairs.values())
        self.by_relation.update(label.relation for label in document.labels)
        self.by_types.update(_types(document, label) for label in document.labels)


def _types(document: Document, label: Label) -> str:
    return " - ".join(document.entities[end].type or "(none)" for end in (label.head, label.tail))


def load_tokenizer(name: str, max_length: int) -> DocumentTokenizer:
    """Loads the tokenizer of a model; documents are truncated at ``max_length`` sub-words.

    Raises:
        ModelError: the tokenizer does not exist or is not a fast one.
    """
    from finecl.models.pretrained import find_model
    from finecl.models.safe_reading import read_tokenizer

    try:
        return DocumentTokenizer(read_tokenizer(find_model(name)), max_length)
    except (OSError, ValueError, KeyError) as error:
        came = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"cannot read the tokenizer '{name}': {came}") from None


def stats(documents: Iterable[Document], tokenizer: DocumentTokenizer | None = None) -> dict[str, Any]:
    """Counts documents, entities and labels, by relation and by types of head and tail.

    With a ``tokenizer``, also computes lengths in sub-words, special tokens included, and losses by truncation:
    truncated documents, and entities and labels without a remaining mention.
    """
    counts = _Counts()
    lengths = _Lengths(tokenizer) if tokenizer else None
    for piece in batched_documents(documents):
        for document in piece:
            counts.add(document)
        if lengths:
            lengths.add(piece)
    pairs = counts.labelled_pairs
    summary: dict[str, Any] = {
        **{name: value for name, value in vars(counts).items() if isinstance(value, int)},
        "multi_label_share": counts.multi_label_pairs / pairs if pairs else 0.0,
        "labels_by_relation": dict(counts.by_relation.most_common()),
        "labels_by_types": dict(counts.by_types.most_common()),
    }
    return summary | ({"sub_words": lengths.to_dict()} if lengths else {})


def batched_documents(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yields the documents in batches."""
    piece: list[Document] = []
    for document in documents:
        piece.append(document)
        if len(piece) == _PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


class _Lengths:
    """Collects lengths in sub-words and losses by truncation."""

    def __init__(self, tokenizer: DocumentTokenizer) -> None:
        self._whole = DocumentTokenizer(tokenizer.hf_tokenizer, 1 << 30)
        self._reach = tokenizer.max_length
        self._lengths: list[int] = []
        self._lost: Counter[str] = Counter()

    def add(self, documents: Sequence[Document]) -> None:
        """Adds a batch of documents."""
        rows = self._whole.read(documents)
        for number, document in enumerate(documents):
            length = len(rows["input_ids"][number])
            self._lengths.append(length)
            within = rows["mention_end"][number] <= self._reach - 1
            entities = set(rows["mention_entity"][number][within].tolist())
            self._lost["documents"] += length > self._reach
            self._lost["mentions"] += sum(len(e.mentions) for e in document.entities) - int(within.sum())
            self._lost["entities"] += len(document.entities) - len(entities)
            self._lost["labels"] += sum(not {label.head, label.tail} <= entities for label in document.labels)

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers for JSON."""
        lengths = np.array(self._lengths or [0])
        quantiles = {f"p{round(100 * share)}": int(np.quantile(lengths, share)) for share in _SHARES}
        lost = {name: self._lost[name] for name in ("documents", "mentions", "entities", "labels")}
        return {
            "mean": float(lengths.mean()),
            **quantiles,
            "max": int(lengths.max()),
            "max_length": self._reach,
            "lost_by_truncation": lost,
        }


def overlap(splits: Mapping[str, Iterable[Document]]) -> dict[str, dict[str, float]]:
    """Returns the share of each split's labelled entity pairs, by name in either direction, that other splits have."""
    pairs = {name: {frozenset(p) for d in documents for p in pair_names(d)} for name, documents in splits.items()}
    return {
        name: {
            other: len(mine & theirs) / len(mine) if mine else 0.0 for other, theirs in pairs.items() if other != name
        }
        for name, mine in pairs.items()
    }
