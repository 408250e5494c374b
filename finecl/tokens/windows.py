"""Splits documents into rows for the encoder: whole documents, overlapping windows, or marked sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from finecl.errors import ModelError
from finecl.tokens.alignment import mention_tokens, sentence_starts
from finecl.tokens.marked_sentences import read_pairs
from finecl.tokens.markers import marked_pairs
from finecl.tokens.token_rows import TokenBatch
from finecl.types import Document, Entity, Ints, Label

if TYPE_CHECKING:
    from finecl.tokens.tokenizer import DocumentTokenizer


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of tokens with its candidate pairs; ``document`` is the number of its document.

    ``own`` are the numbers of the row's entities in the document.

    *Shape:* ``ids``, ``sentence`` [T]; ``start``, ``end``, ``entity`` [mentions]; ``own`` [entities]; ``head``,
    ``tail`` [P], numbers of the row's entities.
    """

    document: int
    ids: Ints
    sentence: Ints
    start: Ints
    end: Ints
    entity: Ints
    own: Ints
    head: Ints
    tail: Ints


def every_pair(document: Document) -> Ints:
    """Returns all ordered pairs of different entities ``[P, 2]``."""
    count = len(document.entities)
    head, tail = np.divmod(np.arange(count * count, dtype=np.int64), max(count, 1))
    pairs: Ints = np.stack([head, tail], axis=1)[head != tail]
    return pairs


def labelled_pairs(document: Document) -> Ints:
    """Returns the labelled pairs ``[P, 2]``, sorted."""
    pairs = sorted({(label.head, label.tail) for label in document.labels})
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def document_rows(
    documents: Sequence[Document], pairs: Sequence[Ints], tokenizer: DocumentTokenizer, *, windows: bool = True
) -> Iterator[Row]:
    """Yields one row per document; windows that overlap by half where it is longer than ``tokenizer.max_length``.

    A pair is scored in every window that contains a whole mention of both entities; two mentions up to half a window
    apart always share one. ``pairs`` [P, 2] are the pairs to score of each document. Without ``windows`` a long
    document is truncated.
    """
    numbers = [number for number, candidates in enumerate(pairs) if len(candidates)]
    selected = [documents[number] for number in numbers]
    for number, document, encoding in zip(numbers, selected, tokenizer.encodings(selected), strict=True):
        ids = np.array(encoding.ids, dtype=np.int64)
        starts = sentence_starts(document, encoding.offsets, len(ids), tokenizer.before)
        begins = np.zeros(max(1, len(ids) + tokenizer.max_length - tokenizer.room), dtype=np.int64)
        np.add.at(begins, starts, 1)
        whole = Row(
            document=number, ids=ids, sentence=np.cumsum(begins) - 1, own=np.arange(len(document.entities)),
            head=pairs[number][:, 0], tail=pairs[number][:, 1],
            **dict(zip(("start", "end", "entity"), mention_tokens(document, encoding.offsets), strict=True)),
        )  # fmt: skip
        yield from _windows(whole, tokenizer, truncate=not windows)


def _windows(whole: Row, tokenizer: DocumentTokenizer, *, truncate: bool) -> Iterator[Row]:
    """Yields the windows of a document that contain candidate pairs; ``whole`` has no special tokens yet."""
    body, before = tokenizer.room, tokenizer.before
    last = max(0, len(whole.ids) - body)
    starts = dict.fromkeys([*range(0, last, max(1, body // 2)), last])
    for first in [0] if truncate else starts:
        start, end = whole.start - first, whole.end - first
        inside = (end > start) & (start >= 0) & (end <= body)
        has_mention = np.zeros(len(whole.own), dtype=np.bool_)
        has_mention[whole.entity[inside]] = True
        complete = has_mention[whole.head] & has_mention[whole.tail]
        if complete.any():
            yield replace(
                whole,
                ids=np.array(tokenizer.framed(whole.ids[first : first + body].tolist()), dtype=np.int64),
                sentence=whole.sentence[first : first + tokenizer.max_length],
                start=start[inside] + before,
                end=end[inside] + before,
                entity=whole.entity[inside],
                head=whole.head[complete],
                tail=whole.tail[complete],
            )


def sentence_rows(documents: Sequence[Document], pairs: Sequence[Ints], tokenizer: DocumentTokenizer) -> Iterator[Row]:
    """Yields a marked sentence for each pair with mentions in the same sentence, the first such sentence.

    Pairs with markers beyond ``tokenizer.max_length`` are left out.

    Raises:
        ModelError: the vocabulary has no markers.
    """
    if tokenizer.markers is None:
        raise ModelError("marked sentences need markers in the vocabulary: load the encoder with markers=True")
    keys: list[tuple[int, int, int]] = []
    sentences: list[Document] = []
    for number, (document, candidates) in enumerate(zip(documents, pairs, strict=True)):
        labels = tuple(Label(head=head, tail=tail, relation="?") for head, tail in candidates.tolist())
        for head, tail, *mentions in marked_pairs(replace(document, labels=labels)) if labels else ():
            entities = tuple(Entity(mentions=(replace(mention, sentence=0),)) for mention in mentions)
            words = document.sentences[mentions[0].sentence]
            sentences.append(Document(title=document.title, sentences=(words,), entities=entities))
            keys.append((number, head, tail))
    columns = read_pairs(sentences, tokenizer, tokenizer.markers) if sentences else {}
    zero, one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    for at, (number, head, tail) in enumerate(keys):
        ids = np.array(columns["input_ids"][at], dtype=np.int64)
        if len(columns["mention_entity"][at]) == 2:
            yield Row(
                document=number, ids=ids, sentence=np.zeros_like(ids), start=columns["mention_start"][at],
                end=columns["mention_end"][at], entity=columns["mention_entity"][at],
                own=np.array([head, tail], dtype=np.int64), head=zero, tail=one,
            )  # fmt: skip


def distinct_pairs(rows: Sequence[Row]) -> int:
    """Returns the number of different entity pairs of different documents in rows, each counted once."""
    pairs = {
        (row.document, int(head), int(tail))
        for row in rows
        for head, tail in zip(row.own[row.head], row.own[row.tail], strict=True)
    }
    return len(pairs)


def token_rows(rows: Sequence[Row]) -> TokenBatch:
    """Concatenates rows into a batch for one encoder pass."""
    columns = {
        name: np.concatenate([getattr(row, name) for row in rows])
        for name in ("ids", "sentence", "start", "end", "entity")
    }
    lengths, mentions = ([len(getattr(row, name)) for row in rows] for name in ("ids", "entity"))
    return TokenBatch(lengths=np.array(lengths, dtype=np.int64), mentions=np.array(mentions, dtype=np.int64), **columns)
