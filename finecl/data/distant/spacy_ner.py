"""Finds entities in raw text with a spaCy pipeline; needs the extra ``finecl[spacy]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from finecl.errors import ModelError
from finecl.text.names import normalised
from finecl.text.words import joined_text
from finecl.types import Document, Entity, Mention


class Recogniser:
    """Entity recogniser based on a spaCy pipeline that sets ``doc.ents``; equal normalised names are one entity."""

    def __init__(self, pipeline: str) -> None:
        """Loads the pipeline with this name or directory.

        Raises:
            ModelError: spaCy is not installed, or the pipeline does not exist.
        """
        try:
            import spacy
        except ImportError:
            raise ModelError("an entity recogniser needs spaCy: pip install 'finecl[spacy]'") from None
        try:
            self._pipeline: Any = spacy.load(pipeline)
        except (OSError, ValueError) as error:
            came = str(error).splitlines()[0]
            raise ModelError(f"cannot load spaCy's pipeline '{pipeline}': {came}") from None

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents with the recognised entities; their old entities and labels are dropped."""
        for document in documents:
            groups: dict[str, list[Mention]] = {}
            for number, words in enumerate(document.sentences):
                for mention in self._mentions(number, words):
                    groups.setdefault(normalised(mention.name), []).append(mention)
            entities = tuple(Entity(mentions=tuple(mentions)) for mentions in groups.values())
            yield replace(document, entities=entities, labels=())

    def _mentions(self, number: int, words: tuple[str, ...]) -> Iterator[Mention]:
        from spacy.tokens import Doc

        for span in self._pipeline(Doc(self._pipeline.vocab, words=list(words))).ents:
            name = joined_text(words[span.start : span.end])
            yield Mention(sentence=number, start=span.start, end=span.end, name=name, type=span.label_ or None)
