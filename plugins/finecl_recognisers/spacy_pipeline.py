"""Entities of a spaCy pipeline; needs the extra ``finecl[spacy]``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from finecl.errors import ModelError
from finecl.text.words import joined_text
from finecl.types import Document, Mention
from finecl_recognisers.spans import loading, with_mentions


class SpacyPipeline:
    """``spacy:PIPELINE``: the ``doc.ents`` of a spaCy pipeline, by its name or directory."""

    def __init__(self, source: str) -> None:
        """Loads the pipeline.

        Raises:
            ModelError: spaCy is not installed, or the pipeline does not exist.
        """
        try:
            import spacy
        except ImportError:
            raise ModelError("an entity recogniser needs spaCy: pip install 'finecl[spacy]'") from None
        offline = f"install it (python -m spacy download {source}), or, without a network, name a directory with a copy"
        with loading(f"spaCy's pipeline '{source}'", offline):
            self._pipeline: Any = spacy.load(source)

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents with the recognised entities."""
        for document in documents:
            mentions = [m for number, words in enumerate(document.sentences) for m in self._mentions(number, words)]
            yield with_mentions(document, mentions)

    def _mentions(self, number: int, words: tuple[str, ...]) -> Iterator[Mention]:
        from spacy.tokens import Doc

        for span in self._pipeline(Doc(self._pipeline.vocab, words=list(words))).ents:
            name = joined_text(words[span.start : span.end])
            yield Mention(sentence=number, start=span.start, end=span.end, name=name, type=span.label_ or None)
