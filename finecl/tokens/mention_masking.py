"""Documents whose mentions do not say whom they name: a type or a blank stands in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from finecl.types import Document, Entity, Mention, MentionMasking

UNTYPED_WORD = "entity"
"""What stands for a mention of an entity without a type."""

_Hidden = tuple[Mention, str]


def mask_mentions(document: Document, mentions: MentionMasking, blank: str) -> Document:
    """The document with one word for each mention: its entity's type in small letters, or the word ``blank``.

    Mentions that overlap become one word together, that of the first one.
    """
    sentences, places = [], []
    for number, sentence in enumerate(document.sentences):
        inside = [
            (m, blank if mentions == "blank" else (e.type or UNTYPED_WORD).lower())
            for e in document.entities
            for m in e.mentions
            if m.sentence == number
        ]
        words, place = _rewritten(sentence, sorted(inside, key=lambda item: (item[0].start, -item[0].end)))
        sentences.append(words)
        places.append(place)
    return replace(
        document,
        sentences=tuple(sentences),
        entities=tuple(replace(e, mentions=_moved(e, places)) for e in document.entities),
    )


def _moved(entity: Entity, places: Sequence[Sequence[int]]) -> tuple[Mention, ...]:
    starts = [places[m.sentence][m.start] for m in entity.mentions]
    return tuple(replace(m, start=at, end=at + 1) for m, at in zip(entity.mentions, starts, strict=True))


def _rewritten(sentence: Sequence[str], inside: Sequence[_Hidden]) -> tuple[tuple[str, ...], list[int]]:
    """The words, and where each word of the sentence stands among them."""
    words: list[str] = []
    place: list[int] = []
    end = 0
    for at, word in enumerate(sentence):
        begun = [(mention, shown) for mention, shown in inside if mention.start == at]
        if at >= end:
            words.append(begun[0][1] if begun else word)
        end = max([end, *(mention.end for mention, _ in begun)])
        place.append(len(words) - 1)
    return tuple(words), place
