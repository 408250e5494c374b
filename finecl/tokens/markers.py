"""Marked sentences: one entity pair per row, markers around both mentions (Soares et al. 2019; Peng et al. 2020).

    [CLS] [E1] Marie Curie [/E1] was born in [E2] Warsaw [/E2] . [SEP]

The representations of a row's two entities are the states of its start markers, so code that reads entities also reads
marked sentences. The markers are unused words of the vocabulary, as BERT has; other vocabularies get five new words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from finecl.numerics.keyed_random import keyed_uniform
from finecl.numerics.ragged import entity_key, offsets, ranges
from finecl.tokens.token_rows import TokenBatch
from finecl.types import Document, Ints, Mention

UNUSED = tuple(f"[unused{number}]" for number in range(1, 6))
ADDED = ("[E1]", "[/E1]", "[E2]", "[/E2]", "[BLANK]")


@dataclass(frozen=True, kw_only=True)
class Markers:
    """Token ids of the markers of head (``start[0]``, ``end[0]``) and tail, and of the blank for a mention."""

    start: tuple[int, int]
    end: tuple[int, int]
    blank: int

    @classmethod
    def of(cls, tokenizer: Any) -> Markers | None:
        """Returns the markers of a vocabulary; None if it has no unused words and none were added."""
        vocabulary = tokenizer.get_vocab()
        for words in (UNUSED, ADDED):
            if all(word in vocabulary for word in words):
                head, end_head, tail, end_tail, blank = (int(vocabulary[word]) for word in words)
                return cls(start=(head, tail), end=(end_head, end_tail), blank=blank)
        return None

    def insert(self, ids: Ints, spans: Ints) -> tuple[Ints, Ints]:
        """Inserts markers around both mentions of a sentence; returns tokens and positions of the start markers.

        *Shape:* ``ids`` [T], ``spans`` (half-open) [2, 2]; the results [T + 4] and [2].
        """
        # At one place, ends come before starts, so that of two adjacent mentions the first is closed before the second
        # is opened; of nested mentions the outer one is opened first and closed last.
        at = np.concatenate([spans[:, 1], spans[:, 0]])
        words = np.array([*self.end, *self.start], dtype=np.int64)
        opens = np.array([0, 0, 1, 1])
        outer = -np.concatenate([spans[:, 0], spans[:, 1]])  # of ends, the later start is closed first
        side = np.array([1, 0, 0, 1])  # of two equal spans, the head is the outer one
        order = np.lexsort([side, outer, opens, at])
        marked: Ints = np.insert(ids, at[order], words[order])
        place = np.empty(4, dtype=np.int64)
        place[order] = at[order] + np.arange(4)
        return marked, place[2:]


def marked_pairs(document: Document) -> Iterator[tuple[int, int, Mention, Mention]]:
    """Yields the entity pairs of a document that have a marked sentence, with a mention of head and tail.

    These are the labelled pairs with mentions in one sentence; the first such sentence is used, and mentions that do
    not overlap where there are any. Pairs of entities without a common sentence have none.
    In a document of two entities without labels, these two are a pair.
    """
    pairs = dict.fromkeys((label.head, label.tail) for label in document.labels)
    if not pairs and len(document.entities) == 2:
        pairs = {(0, 1): None}
    for head, tail in pairs:
        mentions = _same_sentence(document.entities[head].mentions, document.entities[tail].mentions)
        if mentions:
            yield head, tail, *mentions


def _same_sentence(heads: tuple[Mention, ...], tails: tuple[Mention, ...]) -> tuple[Mention, Mention] | None:
    """Returns the first mentions in the same sentence, preferably ones that do not overlap."""
    together = [(h, t) for h in heads for t in tails if h.sentence == t.sentence]
    return min(together, key=_position) if together else None


def _position(pair: tuple[Mention, Mention]) -> tuple[bool, int, int, int]:
    head, tail = pair
    overlap = head.end > tail.start and tail.end > head.start
    return overlap, head.sentence, head.start, tail.start


def blanked(rows: TokenBatch, documents: Ints, share: float, markers: Markers, *, seed: int, step: int) -> TokenBatch:
    """Replaces each mention of marked sentences by the blank with probability ``share``, head and tail independently.

    A mention that holds markers of the other one stays.

    Peng et al. sample the blanks once, when they build their data set; here they are sampled anew in every step.
    ``documents`` are the rows' numbers in their corpus, which make the sampling independent of the batch.
    """
    row = np.repeat(np.arange(len(rows.lengths)), rows.mentions)
    selected = keyed_uniform(entity_key(documents[row], rows.entity), seed, "blank", step) < share
    first = offsets(rows.lengths)[row] + rows.end  # of the mention, in all tokens
    length = _until_closed(first, markers, rows, row)
    selected &= length > 0
    ids = rows.ids.copy()
    ids[first[selected]] = markers.blank
    removed = np.zeros(len(ids), dtype=np.bool_)
    removed[ranges(first[selected] + 1, length[selected] - 1)] = True
    before = np.concatenate([[0], np.cumsum(removed)])
    begin = offsets(rows.lengths)
    lost = before[begin + rows.lengths] - before[begin]
    start = rows.start - (before[first - 1] - before[begin[row]])
    return TokenBatch(
        ids=ids[~removed],
        lengths=rows.lengths - lost,
        start=start,
        end=start + 1,
        entity=rows.entity,
        mentions=rows.mentions,
        sentence=rows.sentence[~removed],
    )


def _until_closed(first: Ints, markers: Markers, rows: TokenBatch, row: Ints) -> Ints:
    """Returns the number of tokens of each mention, up to its end marker.

    It is 0 if the sentence is truncated before it, or if another marker comes first (in nested mentions).
    """
    places = np.flatnonzero(np.isin(rows.ids, [*markers.start, *markers.end]))
    if not len(places):
        return np.zeros(len(first), dtype=np.int64)
    at = np.searchsorted(places, first)
    end = places[np.minimum(at, len(places) - 1)]
    own = rows.ids[end] == np.array(markers.end)[rows.entity]
    row_end = (offsets(rows.lengths) + rows.lengths)[row]
    return np.where((at < len(places)) & (end < row_end) & own, end - first, 0)
