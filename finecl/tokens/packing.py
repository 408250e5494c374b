"""Packs documents and their entities into one row of tokens without padding.

Everything here is integer arithmetic in numpy; ``Packed.batch`` converts the result to tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from finecl.numerics.ragged import ENTITY_BITS, entity_key, find, offsets, ranges
from finecl.tokens.token_rows import TokenBatch
from finecl.types import Batch, Floats, Ints

if TYPE_CHECKING:
    from finecl.tokens.tokenizer import DocumentTokenizer


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Documents laid end to end; ``key_V`` is the sorted ``entity_key`` of each entity within the encoder's reach.

    *Shape:* ``ids_T``, ``document_T`` [T]; ``lengths`` [D]; ``member_M``, ``share_M`` [M]; the others [V].
    """

    ids_T: Ints
    lengths: Ints
    key_V: Ints
    start_V: Ints
    offset_V: Ints
    member_M: Ints
    share_M: Floats
    sentence_T: Ints

    @property
    def document_V(self) -> Ints:
        """Returns the document of each entity, counted within the pack."""
        return self.key_V >> ENTITY_BITS

    @property
    def entity_V(self) -> Ints:
        """Returns the number of each entity within its document."""
        return self.key_V & ((1 << ENTITY_BITS) - 1)

    def entity_rows(self, document: Ints, entity: Ints) -> Ints:
        """Returns the rows of these entities; -1 for those beyond the encoder's reach."""
        return find(self.key_V, entity_key(document, entity))

    def part(self, begin: int, end: int) -> Packed:
        """Returns the pack of the documents ``begin .. end - 1``."""
        first = np.concatenate([[0], np.cumsum(self.lengths)])
        entity = np.searchsorted(self.key_V, [begin << ENTITY_BITS, end << ENTITY_BITS])
        member = np.append(self.offset_V, len(self.member_M))[entity]
        entities, members = slice(*entity.tolist()), slice(*member.tolist())
        return Packed(
            ids_T=self.ids_T[first[begin] : first[end]],
            lengths=self.lengths[begin:end],
            key_V=self.key_V[entities] - (begin << ENTITY_BITS),
            start_V=self.start_V[entities],
            offset_V=self.offset_V[entities] - member[0],
            member_M=self.member_M[members] - first[begin],
            share_M=self.share_M[members],
            sentence_T=self.sentence_T[first[begin] : first[end]],
        )

    def batch(self, head_P: Ints, tail_P: Ints, *, first_position: int, ids_T: Ints | None = None) -> Batch:
        """Converts the pack to tensors, with candidate pairs of entity rows."""
        positions = ranges(np.full(len(self.lengths), first_position), self.lengths)
        return Batch(
            input_ids=torch.from_numpy(self.ids_T if ids_T is None else ids_T)[None],
            position_ids=torch.from_numpy(positions)[None],
            lengths=tuple(self.lengths.tolist()),
            entities=tuple(np.bincount(self.document_V, minlength=len(self.lengths)).tolist()),
            member_M=torch.from_numpy(self.member_M),
            share_M=torch.from_numpy(self.share_M),
            offset_V=torch.from_numpy(self.offset_V),
            start_V=torch.from_numpy(self.start_V),
            head_P=torch.from_numpy(head_P),
            tail_P=torch.from_numpy(tail_P),
            sentence_T=torch.from_numpy(self.sentence_T),
        )


def join(parts: Sequence[Packed]) -> Packed:
    """Concatenates packs; entity rows are in the order of the parts."""
    if len(parts) == 1:
        return parts[0]
    documents, tokens, members = (
        offsets(np.array(counts, dtype=np.int64))
        for counts in zip(*((len(p.lengths), len(p.ids_T), len(p.member_M)) for p in parts), strict=True)
    )
    moved = list(zip(parts, documents.tolist(), tokens.tolist(), members.tolist(), strict=True))
    return Packed(
        ids_T=np.concatenate([p.ids_T for p in parts]),
        lengths=np.concatenate([p.lengths for p in parts]),
        key_V=np.concatenate([p.key_V + (d << ENTITY_BITS) for p, d, _, _ in moved]),
        start_V=np.concatenate([p.start_V for p in parts]),
        offset_V=np.concatenate([p.offset_V + m for p, _, _, m in moved]),
        member_M=np.concatenate([p.member_M + t for p, _, t, _ in moved]),
        share_M=np.concatenate([p.share_M for p in parts]),
        sentence_T=np.concatenate([p.sentence_T for p in parts]),
    )


def pack(rows: TokenBatch) -> Packed:
    """Lays documents end to end and computes the tokens of each entity and their weights.

    The weight of a token is 1 / (mentions of its entity) / (tokens of its mention), so that an entity is the mean
    over its mentions of the mean over each mention's tokens.
    """
    document = np.repeat(np.arange(len(rows.lengths)), rows.mentions)
    key = entity_key(document, rows.entity)
    order = np.lexsort((rows.start, key))
    key, start, end = key[order], rows.start[order], rows.end[order]
    key_V, first_V, count_V = np.unique(key, return_index=True, return_counts=True)
    length = end - start
    token_start = start + offsets(rows.lengths)[document[order]]
    mentions = np.repeat(count_V, count_V)
    return Packed(
        ids_T=rows.ids,
        lengths=rows.lengths,
        key_V=key_V,
        start_V=start[first_V],
        offset_V=offsets(np.add.reduceat(length, first_V) if len(first_V) else length),
        member_M=ranges(token_start, length),
        share_M=np.repeat(1.0 / (mentions * length), length).astype(np.float32),
        sentence_T=rows.sentence,
    )


def with_queries(rows: TokenBatch, queries: Sequence[Sequence[int]], tokenizer: DocumentTokenizer) -> TokenBatch:
    """Puts a query in front of each document: [first] query [last] document, truncated at ``tokenizer.max_length``.

    Mentions move with the text; mentions that the query moves beyond that length are dropped.
    """
    before, closed = tokenizer.before, tokenizer.last is not None
    separator = [tokenizer.last] if closed else []
    shift = np.array([len(query) + len(separator) for query in queries], dtype=np.int64)
    lengths = np.minimum(rows.lengths + shift, tokenizer.max_length)
    pieces: list[Ints] = []
    sentences: list[Ints] = []
    for query, at, length, new in zip(queries, offsets(rows.lengths), rows.lengths, lengths, strict=True):
        ids, numbers = rows.ids[at : at + length], rows.sentence[at : at + length]
        added = np.array([*query, *separator], dtype=np.int64)
        sentences.append(np.concatenate([np.zeros(len(added), dtype=np.int64), numbers])[:new])
        spliced = np.concatenate([ids[:before], added, ids[before:]])[:new]
        if closed:
            spliced[-1] = ids[-1]
        pieces.append(spliced)
    document = np.repeat(np.arange(len(lengths)), rows.mentions)
    end = rows.end + shift[document]
    within = end <= lengths[document] - int(closed)
    return TokenBatch(
        ids=np.concatenate(pieces),
        lengths=lengths,
        start=(rows.start + shift[document])[within],
        end=end[within],
        entity=rows.entity[within],
        mentions=np.bincount(document[within], minlength=len(lengths)),
        sentence=np.concatenate(sentences),
    )
