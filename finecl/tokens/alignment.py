"""Aligns mentions and sentences to sub-words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finecl.text.words import joined
from finecl.types import Document, Ints


def document_text(document: Document) -> tuple[str, Ints]:
    """Returns the text that a tokenizer reads, and the first character of each word.

    Words are joined as their scripts do (``finecl.text.words.joined``); mentions and sentences have spaces around them
    in every script, so that no sub-word crosses their ends.
    """
    words = [word for sentence in document.sentences for word in sentence]
    first = _sentence_words(document)
    edges = set(first.tolist())
    for entity in document.entities:
        for mention in entity.mentions:
            edges |= {int(first[mention.sentence]) + mention.start, int(first[mention.sentence]) + mention.end}
    text, starts = joined(words, edges)
    return text, np.array(starts, dtype=np.int64)


def sentence_starts(document: Document, offsets: Sequence[tuple[int, int]], count: int, before: int) -> Ints:
    """Returns the first token of each sentence among ``count`` tokens; the first sentence starts at 0.

    ``before`` is the number of special tokens in front.
    """
    text, word_start = document_text(document)
    ends = np.array(offsets, dtype=np.int64).reshape(-1, 2)[:, 1]
    characters = np.append(word_start, len(text) + 1)[_sentence_words(document)[1:]]
    starts = np.searchsorted(ends, characters, side="right")
    return np.concatenate([[0], starts[starts < count] + before])


def mention_tokens(document: Document, offsets: Sequence[tuple[int, int]]) -> tuple[Ints, Ints, Ints]:
    """Returns first token, end token and entity of each mention; a mention without tokens has end <= start."""
    word_start = document_text(document)[1]
    lengths = np.array([len(word) for sentence in document.sentences for word in sentence], dtype=np.int64)
    sentence_start = _sentence_words(document)
    mentions = [(e, m) for e, entity in enumerate(document.entities) for m in entity.mentions]
    first = np.array([sentence_start[m.sentence] + m.start for _, m in mentions], dtype=np.int64)
    last = np.array([sentence_start[m.sentence] + m.end - 1 for _, m in mentions], dtype=np.int64)
    spans = np.array(offsets, dtype=np.int64).reshape(-1, 2)
    start = np.searchsorted(spans[:, 1], word_start[first], side="right")
    end = np.searchsorted(spans[:, 0], word_start[last] + lengths[last], side="left")
    return start, end, np.array([e for e, _ in mentions], dtype=np.int64)


def _sentence_words(document: Document) -> Ints:
    """Returns the number of each sentence's first word."""
    counts = np.array([len(sentence) for sentence in document.sentences], dtype=np.int64)
    return np.cumsum(counts) - counts
