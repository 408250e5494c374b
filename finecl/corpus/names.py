"""Normalises names of entities for comparison: case, accents in Unicode, and punctuation at the ends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finecl.types import Document

_SPACE = re.compile(r"\s+")
EDGES = " \t\n\"'`.,;:!?()[]{}«»“”‘’"


def normalised(name: str) -> str:
    """Returns a name in NFKC, case-folded, with single spaces and without punctuation at its ends."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return _SPACE.sub(" ", plain).strip(EDGES) or plain.strip()


def entity_names(document: Document) -> list[set[str]]:
    """Returns the normalised names of each entity's mentions."""
    return [{normalised(mention.name) for mention in entity.mentions} for entity in document.entities]


def pair_names(document: Document) -> Iterator[tuple[str, str]]:
    """Yields (head name, tail name) of every labelled pair, for all combinations of normalised names."""
    names = entity_names(document)
    for head, tail in {(label.head, label.tail) for label in document.labels}:
        yield from ((one, other) for one in names[head] for other in names[tail])
