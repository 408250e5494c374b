"""Aligns mentions and sentences to sub-words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finecl.types import Document, Ints


def sentence_starts(document: Document, offsets: Sequence[tuple[int, int]], count: int) -> Ints:
    """Returns the first token of each sentence among ``count`` tokens; the first sentence starts at 0."""
    lengths = np.array([sum(len(word) + 1 for word in sentence) for sentence in document.sentences], dtype=np.int64)
    ends = np.array(offsets, dtype=np.int64).reshape(-1, 2)[:, 1]
    starts = np.searchsorted(ends, np.cumsum(lengths)[:-1], side="right") + 1
    return np.concatenate([[0], starts[starts <= count]])


def mention_tokens(document: Document, offsets: Sequence[tuple[int, int]]) -> tuple[Ints, Ints, Ints]:
    """Returns first token, end token and entity of each mention; a mention without tokens has end <= start."""
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
