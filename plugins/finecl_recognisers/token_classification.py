"""Entities of a transformers model for token classification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from finecl.errors import ModelError
from finecl.types import Document
from finecl_recognisers.spans import Span, loading, recognised

_STRIDE, _NO_LIMIT = 4, 1_000_000  # a window overlaps the next by a quarter; tokenizers without a limit name a huge one


class TokenClassification:
    """``transformers:MODEL``: entities of a model for token classification, by its name on the hub or directory."""

    def __init__(self, source: str, *, threshold: float = 0.0) -> None:
        """Loads the model from safetensors, without code of its own. Entities of a lower score are left out.

        Raises:
            ModelError: the model cannot be read, or does not classify tokens.
        """
        from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

        offline = "without a network, name a directory with a copy of it"
        with loading(f"the model '{source}'", offline), _quiet():
            model, report = AutoModelForTokenClassification.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, trust_remote_code=False)
        missing = sorted(map(str, report["missing_keys"] if isinstance(report, dict) else report.missing_keys))
        if missing:
            raise ModelError(
                f"'{source}': expected a model for token classification, its files lack {missing[0]}; choose another"
            )
        longest = min(int(tokenizer.model_max_length), int(getattr(model.config, "max_position_embeddings", _NO_LIMIT)))
        windows = {}
        if longest < _NO_LIMIT:  # else the pipeline would cut long sentences off
            tokenizer.model_max_length = longest
            windows = {"stride": longest // _STRIDE}
        self._pipeline: Any = pipeline(
            "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first", **windows
        )
        self._threshold = threshold

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents with the recognised entities."""
        for document in documents:
            yield recognised(document, self._spans)

    def _spans(self, text: str) -> list[Span]:
        return [
            (int(entity["start"]), int(entity["end"]), str(entity["entity_group"]))
            for entity in self._pipeline(text)
            if entity["score"] >= self._threshold
        ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and reports of what it loads."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
