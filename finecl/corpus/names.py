"""Names of the entities and labelled pairs of documents, as they are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from finecl.text.names import normalised

if TYPE_CHECKING:
    from finecl.types import Document


def entity_names(document: Document) -> list[set[str]]:
    """Returns the normalised names of each entity's mentions."""
    return [{normalised(mention.name) for mention in entity.mentions} for entity in document.entities]


def pair_names(document: Document) -> Iterator[tuple[str, str]]:
    """Yields (head name, tail name) of every labelled pair, for all combinations of normalised names."""
    names = entity_names(document)
    for head, tail in {(label.head, label.tail) for label in document.labels}:
        yield from ((one, other) for one in names[head] for other in names[tail])
