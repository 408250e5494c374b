"""Entities of any type by GLiNER (Zaratiana et al. 2024); needs the package ``gliner``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from finecl.errors import ModelError, SettingsError
from finecl.types import Document
from finecl_recognisers.spans import Span, loading, recognised


class Gliner:
    """``gliner:MODEL``: entities of the types ``labels`` by a GLiNER model, by its name on the hub or directory."""

    def __init__(
        self, source: str, *, labels: tuple[str, ...] = ("person", "organization", "location"), threshold: float = 0.5
    ) -> None:
        """Loads the model.

        Raises:
            ModelError: gliner is not installed, or the model does not exist.
            SettingsError: there are no labels.
        """
        if not labels:
            raise SettingsError("gliner: labels: expected names of entity types, got none")
        try:
            from gliner import GLiNER
        except ImportError:
            raise ModelError("the recogniser gliner needs its package: pip install gliner") from None
        offline = "without a network, name a directory with a copy of it and of the model that its config.json names"
        with loading(f"the GLiNER model '{source}'", offline):
            self._model: Any = GLiNER.from_pretrained(source)
        self._labels, self._threshold = list(labels), threshold

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents with the recognised entities."""
        for document in documents:
            yield recognised(document, self._spans)

    def _spans(self, text: str) -> list[Span]:
        found = self._model.predict_entities(text, self._labels, threshold=self._threshold)
        return [(int(entity["start"]), int(entity["end"]), str(entity["label"])) for entity in found]
