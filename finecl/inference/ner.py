"""Named entity recognisers for raw text, by name; ``finecl data label`` uses the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from finecl import registry as plugins
from finecl.errors import SettingsError
from finecl.types import Document, Recogniser

FORM = "NAME:SOURCE, such as spacy:PIPELINE or names:TRIPLES"


def recogniser(name: str, settings: Mapping[str, Any] | None = None) -> Recogniser:
    """Returns the recogniser of a name such as ``spacy:PIPELINE``, ``gliner:MODEL`` or ``names:TRIPLES``.

    The part before the colon names a recogniser of a plugin (``finecl plugins`` lists them); it gets the part after it.

    Raises:
        SettingsError: the name has no such form, or the recogniser does not have a setting.
        PluginError: there is no such recogniser.
        ModelError, FormatError: the recogniser cannot read its source.
    """
    kind, _, source = name.partition(":")
    if not kind or not source:
        known = ", ".join(plugins.load().parts("recogniser"))
        raise SettingsError(f"ner: expected {FORM}, got '{name}'; known: {known}")
    result: Recogniser = plugins.load().create("recogniser", kind, settings or {}, source)
    return result


def with_entities(documents: Sequence[Document], found_by: Recogniser | None) -> list[Document]:
    """Returns the documents; those without entities get the recognised ones."""
    if found_by is None:
        return list(documents)
    recognised = iter(found_by.find([document for document in documents if not document.entities]))
    return [document if document.entities else next(recognised) for document in documents]


def refuse_without_entities(documents: Iterable[Document], found_by: Recogniser | None) -> Iterator[Document]:
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
            f"with from_pretrained(..., ner=...): {FORM}"
        )
