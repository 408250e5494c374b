"""Masks entity mentions with their type or a blank token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from finecl.types import Document, Entity, Mention, MentionMasking

UNTYPED_WORD = "entity"
"""Replacement of a mention of an entity without a type."""

_Replacement = tuple[Mention, str]


def mask_mentions(document: Document, mentions: MentionMasking, blank: str) -> Document:
    """Replaces each mention by one word: its entity's type in lower case, or the word ``blank``.

    Overlapping mentions are replaced together by the word of the first one.
    """
    sentences, places = [], []
    for number, sentence in enumerate(document.sentences):
        inside = [
            (m, blank if mentions == "blank" else (e.type or UNTYPED_WORD).lower())
            for e in document.entities
            for m in e.mentions
            if m.sentence == number
        ]
        words, place = _replace(sentence, sorted(inside, key=lambda item: (item[0].start, -item[0].end)))
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


def _replace(sentence: Sequence[str], inside: Sequence[_Replacement]) -> tuple[tuple[str, ...], list[int]]:
    """Returns the new words, and the new position of each word of the sentence."""
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
