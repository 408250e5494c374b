"""Entities of raw text: the recognisers of ``finecl data label``, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from finecl.errors import SettingsError
from finecl.types import Document


class Finder(Protocol):
    """Finds the entities of documents."""

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents, in order, with what was found in the place of their entities."""
        ...


def finder(name: str) -> Finder:
    """The recogniser of a name: ``spacy:PIPELINE`` (a pipeline of spaCy, or its directory; needs the extra
    ``finecl[spacy]``), or ``names:TRIPLES`` (the names in a triple file, word for word).

    Raises:
        SettingsError: the name is neither.
        ModelError: there is no such pipeline.
        FormatError: the triple file cannot be read.
    """
    kind, _, which = name.partition(":")
    if kind == "spacy" and which:
        from finecl.data.distant.spacy_ner import Recogniser

        return Recogniser(which)
    if kind == "names" and which:
        from finecl.data.distant.gazetteer import Gazetteer
        from finecl.data.distant.knowledge_graph import Graph

        return Gazetteer(Graph.read(Path(which)))
    raise SettingsError(f"ner: expected spacy:PIPELINE or names:TRIPLES, got '{name}'")


def with_entities(documents: Sequence[Document], found_by: Finder | None) -> list[Document]:
    """The documents; those without entities get what the recogniser finds."""
    if found_by is None:
        return list(documents)
    found = found_by.find([document for document in documents if not document.entities])
    return [document if document.entities else next(found) for document in documents]
