"""From spans of characters in sentences to entities of a document."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from finecl.errors import ModelError
from finecl.text.names import normalised
from finecl.text.words import joined, joined_text
from finecl.types import Document, Entity, Mention

Span = tuple[int, int, str | None]
"""First character, end character and type of a mention."""


def recognised(document: Document, spans_of: Callable[[str], Sequence[Span]]) -> Document:
    """Returns a document with the entities that ``spans_of`` finds in each sentence; old ones and labels are dropped.

    Mentions are whole words: of spans that share a word, the first counts. Equal normalised names are one entity.
    """
    mentions: list[Mention] = []
    for number, words in enumerate(document.sentences):
        text, starts = joined(words)
        mentions += _mentions(number, words, starts, spans_of(text)) if words else []
    return with_mentions(document, mentions)


def with_mentions(document: Document, mentions: Sequence[Mention]) -> Document:
    """Returns a document with these mentions; those of equal normalised names are one entity. Labels are dropped."""
    groups: dict[str, list[Mention]] = {}
    for mention in mentions:
        groups.setdefault(normalised(mention.name), []).append(mention)
    return replace(document, entities=tuple(Entity(mentions=tuple(group)) for group in groups.values()), labels=())


def _mentions(number: int, words: Sequence[str], starts: Sequence[int], spans: Sequence[Span]) -> Iterator[Mention]:
    ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
    free = 0  # the word after the last mention
    for first, last, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        start, end = bisect_right(ends, first), bisect_left(starts, last)
        if free <= start < end:
            free = end
            yield Mention(sentence=number, start=start, end=end, name=joined_text(words[start:end]), type=kind or None)


@contextmanager
def loading(what: str, offline: str) -> Iterator[None]:
    """Turns whatever a library raises while it loads a model into one line, with ``offline`` as advice."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise ModelError(f"cannot load {what}: {reason:.200}; {offline}") from error
