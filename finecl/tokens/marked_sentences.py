"""A corpus tokenized as marked sentences: one row per entity pair, memory-mapped as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finecl.artifacts.cache import cached_arrow
from finecl.artifacts.provenance import fingerprint
from finecl.errors import ModelError, SettingsError
from finecl.numerics.ragged import find, pair_key
from finecl.tokens.alignment import mention_tokens
from finecl.tokens.markers import Markers, marked_pairs
from finecl.tokens.token_table import Documents, TokenizedCorpus, token_features
from finecl.types import Document, Entity, Instances, Ints

if TYPE_CHECKING:
    from finecl.tokens.tokenizer import DocumentTokenizer

_LAYOUT = 3  # increase when the columns change


class MarkedSentences(TokenizedCorpus):
    """Marked sentences by row number; ``document``, ``head`` and ``tail`` are the entity pair of each row [rows]."""

    marked = True

    def __init__(self, dataset: Any) -> None:
        super().__init__(dataset)
        self.document, self.head, self.tail = (
            np.asarray(dataset.data.column(name), dtype=np.int64) for name in ("document", "head", "tail")
        )

    @classmethod
    def of(cls, corpus: Documents, tokenizer: DocumentTokenizer, cache: Path) -> MarkedSentences:
        """Tokenizes a corpus as marked sentences, or reads them from the cache.

        Raises:
            ModelError: the vocabulary has no markers.
            SettingsError: the corpus has no sentence with a labelled pair.
        """
        markers = tokenizer.markers
        if markers is None:
            raise ModelError("marked sentences need markers in the vocabulary: load the encoder with markers=True")
        key = fingerprint(corpus.fingerprint, tokenizer.fingerprint, repr(markers), _LAYOUT)
        path = cache / "tokens" / f"{key}-marked.arrow"
        features = token_features() | {name: _number() for name in ("document", "head", "tail")}
        sentences = cls(cached_arrow(path, lambda: _chunks(corpus, tokenizer, markers), features))
        if not len(sentences):
            raise SettingsError(
                "marked sentences: expected labelled entity pairs with mentions in one sentence, found none; "
                "choose a method or an extractor that reads documents"
            )
        return sentences

    def instances(self, instances: Instances) -> Instances:
        """Returns the instances that have a sentence, in row order: entity 0 is the head and entity 1 the tail."""
        keys = pair_key(self.document, self.head, self.tail)
        order = np.argsort(keys)
        at = find(keys[order], pair_key(instances.document, instances.head, instances.tail))
        number = np.flatnonzero(at >= 0)
        row = order[at[number]]
        number, row = number[np.argsort(row, kind="stable")], np.sort(row)
        _, pair = np.unique(row, return_inverse=True)
        return Instances(
            uid=instances.uid[number],
            document=row,
            head=np.zeros_like(row),
            tail=np.ones_like(row),
            relation=instances.relation[number],
            pair=pair.ravel().astype(np.int64),
            relations=instances.relations,
        )


def _number() -> Any:
    from datasets import Value

    return Value("int32")


def _chunks(
    corpus: Documents, tokenizer: DocumentTokenizer, markers: Markers, size: int = 256
) -> Iterator[Mapping[str, list[Any]]]:
    for at in range(0, len(corpus), size):
        pairs: list[Document] = []
        keys: list[tuple[int, int, int]] = []
        for number in range(at, min(at + size, len(corpus))):
            document = corpus.document(number)
            for head, tail, *mentions in marked_pairs(document):
                entities = tuple(Entity(mentions=(replace(m, sentence=0),)) for m in mentions)
                sentence = document.sentences[mentions[0].sentence]
                pairs.append(Document(title=document.title, sentences=(sentence,), entities=entities))
                keys.append((number, head, tail))
        if pairs:
            document_R, head_R, tail_R = (list(column) for column in zip(*keys, strict=True))
            yield read_pairs(pairs, tokenizer, markers) | {"document": document_R, "head": head_R, "tail": tail_R}


def read_pairs(pairs: Sequence[Document], tokenizer: DocumentTokenizer, markers: Markers) -> dict[str, list[Any]]:
    """Returns one row per sentence of two entities, with the columns of ``DocumentTokenizer.read``."""
    rows: dict[str, list[Any]] = {name: [] for name in token_features()}
    pairs = tokenizer.masked(pairs)
    for sentence, encoding in zip(pairs, tokenizer.encodings(pairs), strict=True):
        start, end, _ = mention_tokens(sentence, encoding.offsets)
        ids, place = markers.insert(np.array(encoding.ids, dtype=np.int64), np.stack([start, end], axis=1))
        entity = np.flatnonzero((end > start) & (place < tokenizer.room))
        rows["input_ids"].append(tokenizer.framed(ids[: tokenizer.room].tolist()))
        rows["sentence_start"].append([0])
        rows["mention_start"].append(place[entity] + tokenizer.before)
        rows["mention_end"].append(place[entity] + tokenizer.before + 1)
        rows["mention_entity"].append(entity)
        rows["entities"].append(2)
    return rows


def entity_keys(keys: Ints, first: Ints, tokens: TokenizedCorpus) -> tuple[Ints, Ints]:
    """Returns the keys of the entities of each row of ``tokens``, and the number of each row's first entity.

    ``keys`` [entities] and ``first`` [documents] are those of the corpus (``Entities.key`` and ``.first``). For
    tokenized documents they are returned unchanged; a marked sentence has two entities, head and tail.
    """
    if not isinstance(tokens, MarkedSentences):
        return keys, first
    both: Ints = np.stack([keys[first[tokens.document] + entity] for entity in (tokens.head, tokens.tail)], axis=1)
    return both.ravel(), 2 * np.arange(len(tokens))
