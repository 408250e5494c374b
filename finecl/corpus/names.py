"""Names of entities as they are compared: without case, punctuation at their ends, and ways of writing accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from finecl.types import Document

_SPACE = re.compile(r"\s+")
EDGES = " \t\n\"'`.,;:!?()[]{}«»“”‘’"


def normalised(name: str) -> str:
    """A name in lower case (Unicode NFKC, case folded), spaces single, without quotes and points at its ends."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return _SPACE.sub(" ", plain).strip(EDGES) or plain.strip()


def entity_names(document: Document) -> list[set[str]]:
    """The normalised names of every entity's mentions."""
    return [{normalised(mention.name) for mention in entity.mentions} for entity in document.entities]


def pair_names(document: Document) -> Iterator[tuple[str, str]]:
    """Normalised names of head and tail of every labelled pair, each name with each."""
    names = entity_names(document)
    for head, tail in {(label.head, label.tail) for label in document.labels}:
        yield from ((one, other) for one in names[head] for other in names[tail])
