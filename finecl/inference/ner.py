"""Named entity recognisers for raw text, by name; ``finecl data label`` uses the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from finecl.errors import SettingsError
from finecl.types import Document


class Finder(Protocol):
    """A named entity recogniser."""

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents, in order, with recognised entities in place of their own."""
        ...


def finder(name: str) -> Finder:
    """Returns the recogniser of a name: ``spacy:PIPELINE`` (a spaCy pipeline or its directory; needs the extra
    ``finecl[spacy]``), or ``names:TRIPLES`` (exact matches of the names in a triple file).

    Raises:
        SettingsError: the name has neither form.
        ModelError: the pipeline does not exist.
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
    """Returns the documents; those without entities get the recognised ones."""
    if found_by is None:
        return list(documents)
    recognised = found_by.find([document for document in documents if not document.entities])
    return [document if document.entities else next(recognised) for document in documents]


def refuse_without_entities(documents: Iterable[Document], found_by: Finder | None) -> Iterator[Document]:
    """Yields the documents; refuses texts of which none has entities if there is no recogniser.

    Raises:
        SettingsError: there are texts, but neither entities nor a recogniser.
    """
    found, texts = found_by is not None, 0
    for document in documents:
        found = found or bool(document.entities)
        texts += any(document.sentences)
        yield document
    if texts and not found:
        raise SettingsError(
            "expected entities, got none in the text and no recogniser: give entities=[(start, end), ...], or load "
            "with from_pretrained(..., ner='spacy:PIPELINE' or 'names:TRIPLES')"
        )
