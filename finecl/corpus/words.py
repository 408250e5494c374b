"""Splits raw text into sentences of words with character offsets, as the format "text" does."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

_WORD = re.compile(r"\w+(?:[-'’.]\w+)*|[^\w\s]")
_ENDS = (".", "!", "?", "。", "！", "？")
_TITLES = frozenset({"Dr", "Mr", "Mrs", "Ms", "Prof", "St", "Sr", "Jr", "No", "vs"})


@dataclass(frozen=True)
class Words:
    """Words ``text[start[i]:end[i]]``; ``first`` is the first word of each sentence."""

    text: str
    start: tuple[int, ...]
    end: tuple[int, ...]
    first: tuple[int, ...]

    @cached_property
    def sentences(self) -> tuple[tuple[str, ...], ...]:
        """Returns the words, sentence by sentence."""
        words = [self.text[a:b] for a, b in zip(self.start, self.end, strict=True)]
        return tuple(tuple(words[a:b]) for a, b in pairwise((*self.first, len(words))))

    def place(self, start: int, end: int) -> tuple[int, int, int]:
        """Returns sentence, first word and end word of the characters ``[start, end)``, which begin and end words."""
        first, last = bisect_right(self.start, start) - 1, bisect_right(self.start, end - 1) - 1
        sentence = bisect_right(self.first, first) - 1
        return sentence, first - self.first[sentence], last + 1 - self.first[sentence]


def split_words(text: str, spans: Sequence[tuple[int, int]] = ()) -> Words:
    """Splits a text into words and sentences.

    A sentence ends at the end of a line, and after ``.``, ``!`` or ``?`` if white space follows and then no lower-case
    letter. Spans (characters, without white space at their ends) start and end at word boundaries and are never split
    between sentences.
    """
    cuts = sorted({at for span in spans for at in span})
    pieces = [piece for match in _WORD.finditer(text) for piece in _parts(match.start(), match.end(), cuts)]
    starts = [start for start, _ in pieces]
    inside = {
        word
        for start, end in spans
        for word in range(bisect_right(starts, start), bisect_right(starts, end - 1))  # all but a span's first word
    }
    first = tuple(_firsts(text, pieces, inside))
    return Words(text, tuple(starts), tuple(end for _, end in pieces), first)


def _parts(start: int, end: int, cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    inner = cuts[bisect_right(cuts, start) : bisect_right(cuts, end - 1)]
    return pairwise([start, *inner, end])


def _firsts(text: str, pieces: Sequence[tuple[int, int]], inside: set[int]) -> Iterator[int]:
    """Yields the first word of every sentence; none is ``inside`` a span."""
    begin = 0
    for word, (start, _) in enumerate(pieces):
        gap = text[pieces[word - 1][1] : start] if word else ""
        new_line = len(f"{gap}.".splitlines()) > 1
        ended = word > begin and (new_line or _ended(text, pieces[max(begin, word - 2) : word], start))
        if word == 0 or (ended and word not in inside):
            begin = word
            yield word


def _ended(text: str, before: Sequence[tuple[int, int]], following: int) -> bool:
    """Returns whether a sentence ends after the words ``before``; the next word begins at character ``following``."""
    start, end = before[-1]
    mark = text[start:end]
    if mark not in _ENDS:
        return False
    spaced = following > end or mark in _ENDS[3:]
    last = text[slice(*before[-2])] if len(before) > 1 else ""
    short = (len(last) == 1 and last.isupper()) or "." in last or last in _TITLES  # M. | U.S. | Dr.
    return spaced and not text[following].islower() and not (mark == "." and short)
