"""Conversion of texts with character spans to words with word spans, and back.

White space separates words, and so do the ends of a span: "in Warsaw." with "Warsaw" marked is ``in | Warsaw | .``. A
line is a sentence, unless a span crosses its end. The way back joins words by spaces and sentences by line ends, so
that the result converts to the same words again.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from finecl.errors import FormatError
from finecl.text.words import split_words
from finecl.types import Document, Mention

_NON_SPACE = re.compile(r"\S+")


@dataclass(frozen=True)
class Span:
    """The words ``[start, end)`` of a sentence."""

    sentence: int
    start: int
    end: int


@dataclass(frozen=True)
class WordSpans:
    """Sentences of words, and the requested spans in their order."""

    sentences: tuple[tuple[str, ...], ...]
    spans: tuple[Span, ...]

    def name(self, span: Span) -> str:
        """Returns the words of a span."""
        return " ".join(self.sentences[span.sentence][span.start : span.end])

    def mention(self, number: int, type: str | None = None) -> Mention:
        """Returns the numbered span as a mention; its name is its words."""
        span = self.spans[number]
        return Mention(sentence=span.sentence, start=span.start, end=span.end, name=self.name(span), type=type)


def text_to_words(text: str, spans: Sequence[tuple[int, int]], place: str) -> WordSpans:
    """Splits a text with character spans ``[start, end)`` into words; strips white space at the spans' ends.

    Raises:
        FormatError: a span is reversed, empty or outside the text.
    """
    trimmed = [_trimmed(text, start, end, f"{place}, span {number}") for number, (start, end) in enumerate(spans)]
    cuts = sorted({at for span in trimmed for at in span})
    pieces = [piece for match in _NON_SPACE.finditer(text) for piece in _cut(match.start(), match.end(), cuts)]
    starts = [start for start, _ in pieces]
    first = [bisect_right(starts, start) - 1 for start, _ in trimmed]
    last = [bisect_right(starts, end - 1) - 1 for _, end in trimmed]
    joined = {word for a, b in zip(first, last, strict=True) for word in range(a + 1, b + 1)}
    sentence_of, begin = _sentences(text, pieces, joined)
    words = [text[start:end] for start, end in pieces]
    ends = [*begin[1:], len(words)][: len(begin)]
    return WordSpans(
        sentences=tuple(tuple(words[a:b]) for a, b in zip(begin, ends, strict=True)),
        spans=tuple(
            Span(sentence_of[a], a - begin[sentence_of[a]], b + 1 - begin[sentence_of[a]])
            for a, b in zip(first, last, strict=True)
        ),
    )


def _trimmed(text: str, start: int, end: int, place: str) -> tuple[int, int]:
    if not 0 <= start < end <= len(text):
        expected = f"0 <= start < end <= {len(text)}, the characters of the text"
        raise FormatError(f"{place}: expected {expected}, got [{start}, {end}); count characters from 0, end exclusive")
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    if start == end:
        raise FormatError(f"{place}: expected a span with words, got white space only; remove the span")
    return start, end


def _cut(start: int, end: int, cuts: Sequence[int]) -> list[tuple[int, int]]:
    inner = cuts[bisect_right(cuts, start) : bisect_right(cuts, end - 1)]
    return list(pairwise([start, *inner, end]))


def _sentences(text: str, pieces: Sequence[tuple[int, int]], joined: set[int]) -> tuple[list[int], list[int]]:
    """Returns the sentence of each word, and the first word of each sentence."""
    sentence_of: list[int] = []
    begin = [0] if pieces else []
    for number, (start, _) in enumerate(pieces):
        if number and number not in joined and "\n" in text[pieces[number - 1][1] : start]:
            begin.append(number)
        sentence_of.append(len(begin) - 1)
    return sentence_of, begin


def document_to_text(document: Document) -> tuple[str, list[list[tuple[int, int]]]]:
    """Returns the text of a document, and the character spans of the mentions of each entity."""
    offsets: list[list[int]] = []
    lines: list[str] = []
    at = 0
    for sentence in document.sentences:
        starts = []
        for word in sentence:
            starts.append(at)
            at += len(word) + 1
        offsets.append(starts)
        lines.append(" ".join(sentence))
        at += not sentence  # the line end of an empty line
    text = "\n".join(lines)
    spans = [[_characters(mention, document, offsets) for mention in entity.mentions] for entity in document.entities]
    return text, spans


def _characters(mention: Mention, document: Document, offsets: Sequence[Sequence[int]]) -> tuple[int, int]:
    last = mention.end - 1
    end = offsets[mention.sentence][last] + len(document.sentences[mention.sentence][last])
    return offsets[mention.sentence][mention.start], end


def whole_word_spans(text: str, name: str) -> list[tuple[int, int]]:
    """Returns the character spans [start, end) where ``name`` stands in ``text`` as whole words by Unicode's rules."""
    words = split_words(text)
    edges = {*words.start, *words.end}
    places = (match.start() for match in re.finditer(f"(?={re.escape(name)})", text)) if name else ()
    spans = [(at, at + len(name)) for at in places]
    return [span for span in spans if all(at in edges or _between_words(text, at) for at in span)]


def _between_words(text: str, at: int) -> bool:
    """Returns whether a word ends or begins before character ``at``, as before the apostrophe of "Curie's"."""
    return not all(
        character.isalnum() or unicodedata.category(character)[0] == "M" for character in text[at - 1 : at + 1]
    )
