"""Cuts raw text into sentences of words with character offsets; every reader, recogniser and name is cut here.

Words are those of Unicode's Annex 29: letters keep their marks, and digits their points. In scripts without spaces
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) a character is a word, so that a name is found within a clause.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import regex

_WORD = regex.compile(
    r"[^\s:].*?(?:\b|(?=:))|:", regex.WORD | regex.DOTALL
)  # a colon joins nothing, as of Unicode 15.1
_TERMINAL = regex.compile(r"\p{Sentence_Terminal}")  # . ! ? and the marks of other scripts
_CLOSING = regex.compile(r"[\p{Pe}\p{Pf}]")
_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_OTHERS = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
NO_SPACES = _CJK + _OTHERS
"""Characters of scripts that write no spaces between words, as the inside of a character class."""
_ENDS_CJK, _BEGINS_CJK = regex.compile(rf"[{_CJK}]\p{{M}}*\Z"), regex.compile(rf"[{_CJK}]")
_ENDS_NONE, _BEGINS_NONE = regex.compile(rf"[{NO_SPACES}]\Z"), regex.compile(rf"[{NO_SPACES}]")
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


def words_of(text: str) -> list[str]:
    """Returns the words of a text or name."""
    return [match[0] for match in _WORD.finditer(text)]


def joined(words: Sequence[str], edges: Collection[int] = ()) -> tuple[str, list[int]]:
    """Joins words as their scripts do; returns the text and the first character of each word.

    A space stands between two words, but not beside a Chinese or Japanese character, nor between two characters of
    Thai, Lao, Khmer or Burmese. ``edges`` are words that have a space before them in any case.
    """
    if all(map(str.isascii, words)):
        gaps = [1] * len(words)
    else:
        gaps = [0, *(int(at in edges or _spaced(*pair)) for at, pair in enumerate(pairwise(words), start=1))]
    starts: list[int] = []
    pieces: list[str] = []
    at = 0
    for number, (word, gap) in enumerate(zip(words, gaps, strict=True)):
        space = gap if number else 0
        starts.append(at + space)
        pieces.append(" " * space + word)
        at += space + len(word)
    return "".join(pieces), starts


def joined_text(words: Sequence[str]) -> str:
    """Returns words joined as their scripts do."""
    return joined(words)[0]


def _spaced(left: str, right: str) -> bool:
    if left.isascii() and right.isascii():
        return True
    if _ENDS_CJK.search(left) or _BEGINS_CJK.match(right):
        return False
    return not (_ENDS_NONE.search(left) and _BEGINS_NONE.match(right))


def split_words(text: str, spans: Sequence[tuple[int, int]] = ()) -> Words:
    """Splits a text into words and sentences.

    A sentence ends at the end of a line, and after a mark that ends sentences in any script: after ``.``, ``!`` or
    ``?`` only if white space follows and then no lower-case letter. Spans (characters, without white space at their
    ends) start and end at word boundaries and are never split between sentences.
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
        ended = word > begin and (new_line or _ended(text, pieces[max(begin, word - 4) : word], start))
        if word == 0 or (ended and word not in inside):
            begin = word
            yield word


def _ended(text: str, before: Sequence[tuple[int, int]], following: int) -> bool:
    """Returns whether a sentence ends after the words ``before``; the next word begins at character ``following``."""
    words = [text[start:end] for start, end in before]
    spaced = following > before[-1][1]
    while len(words) > 1 and not words[-1].isascii() and _CLOSING.fullmatch(words[-1]):
        words.pop()  # a quotation mark after the end belongs to the sentence
    mark = words[-1]
    if not _TERMINAL.match(mark) or text[following].islower():
        return False
    if not mark.isascii():
        return not (_CLOSING.match(text[following]) or _TERMINAL.match(text[following]))
    last = words[-2] if len(words) > 1 else ""
    short = (len(last) == 1 and last.isupper()) or "." in last or last in _TITLES  # M. | U.S. | Dr.
    return spaced and not (mark == "." and short)
