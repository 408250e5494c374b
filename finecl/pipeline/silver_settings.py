"""Settings for silver labels alone: the preset "silver", and parts that fit the documents."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from finecl.data.formats import recognise
from finecl.registry import Registry
from finecl.types import Document

SCORER = "area-under-margin"
"""Scorer without gold documents, if none is named: of those that need silver labels only, the best on Wiki80."""
_LOOKED_AT = 200  # documents


def settings_for(path: Path, registry: Registry, format: str = "auto") -> dict[str, Any]:
    """Returns settings for a file of silver documents, which the user's override: a preset and fitting parts.

    If each of the first documents is one sentence with one labelled pair, marked sentences are read; else documents.

    Raises:
        FormatError: no format recognises the file, or it cannot be read.
    """
    documents = list(islice(recognise(path, registry, format).read(path), _LOOKED_AT))
    settings: dict[str, Any] = {"preset": "silver", "data.silver": str(path)}
    parts = _SENTENCES if documents and all(map(_is_sentence, documents)) else _DOCUMENTS
    return {**settings, **parts}


_SENTENCES: Mapping[str, Any] = {
    "proxy.extractor": "markers",
    "finetune.extractor": "markers",
    "input_format": "marked-sentences",
}
_DOCUMENTS: Mapping[str, Any] = {"proxy.extractor": "bilinear", "finetune.extractor": "concat"}


def _is_sentence(document: Document) -> bool:
    pairs = {(label.head, label.tail) for label in document.labels}
    return len(document.sentences) == 1 and len(document.entities) == 2 and len(pairs) == 1
