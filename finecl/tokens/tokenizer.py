"""Tokenizes documents and aligns words with sub-words by character offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from finecl.artifacts.provenance import fingerprint
from finecl.errors import ModelError
from finecl.tokens.alignment import document_text, mention_tokens, sentence_starts
from finecl.tokens.mention_masking import mask_mentions
from finecl.tokens.token_rows import TOKEN_COLUMNS
from finecl.types import Document, Ints, MentionMasking

if TYPE_CHECKING:
    from finecl.tokens.markers import Markers

_LAYOUT = 3  # increase when the columns change, so that cached files of another layout are not read


class DocumentTokenizer:
    """A fast tokenizer with a maximum number of sub-words per document.

    ``first`` and ``last`` are the special tokens around a document, None where the tokenizer has none; ``before`` is
    the number of them in front, and ``room`` the number of sub-words that fit between them. ``markers`` are the markers
    of marked sentences, if the vocabulary has them; ``mentions`` is the masking of mentions.
    """

    def __init__(
        self, tokenizer: Any, max_length: int, markers: Markers | None = None, mentions: MentionMasking = "text"
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(f"a fast tokenizer is needed to align words, got {type(tokenizer).__name__}")
        self.hf_tokenizer = tokenizer
        self.max_length = max_length
        self.markers = markers
        self.mentions = mentions
        self.first = _special(tokenizer, "cls_token_id", "bos_token_id")
        self.last = _special(tokenizer, "sep_token_id", "eos_token_id")
        self.before = int(self.first is not None)
        self.room = max_length - self.before - int(self.last is not None)
        self.special: Ints = np.array(sorted(tokenizer.all_special_ids), dtype=np.int64)
        self.vocabulary: int = len(tokenizer)
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()

    @property
    def mask(self) -> int:
        """Returns the mask token.

        Raises:
            ModelError: the vocabulary has none.
        """
        mask: int | None = self.hf_tokenizer.mask_token_id
        if mask is None:
            raise ModelError(
                "masking needs a mask token, and the tokenizer has none; choose a method without masked language "
                "modelling (--set pretrain.mlm_coefficient=0) and proxy.mentions = text or type, or add a mask_token"
            )
        return mask

    @property
    def fingerprint(self) -> str:
        """Returns a hash of everything that determines the tokens of a document."""
        masking = () if self.mentions == "text" else (self.mentions,)
        return fingerprint(self._backend.to_str(), self.max_length, _LAYOUT, *masking)

    def with_masking(self, mentions: MentionMasking) -> DocumentTokenizer:
        """Returns the same tokenizer with mentions masked by types or blanks."""
        return DocumentTokenizer(self.hf_tokenizer, self.max_length, self.markers, mentions)

    def encode(self, text: str) -> list[int]:
        """Returns the sub-words of a text, without special tokens."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def framed(self, ids: Sequence[int]) -> list[int]:
        """Returns sub-words between the special tokens; at least one token."""
        first, last = ([] if token is None else [token] for token in (self.first, self.last))
        return [*first, *ids, *last] or [self.hf_tokenizer.unk_token_id or 0]

    def masked(self, documents: Sequence[Document]) -> Sequence[Document]:
        """Returns the documents with their mentions masked, if this tokenizer masks them."""
        if self.mentions == "text":
            return documents
        blank = self.hf_tokenizer.convert_ids_to_tokens(self.mask) if self.mentions == "blank" else ""
        return [mask_mentions(document, self.mentions, blank) for document in documents]

    def encodings(self, documents: Sequence[Document]) -> Sequence[Any]:
        """Returns the sub-words of each document, its words joined as their scripts do, with character offsets."""
        texts = [document_text(document)[0] for document in documents]
        encodings: Sequence[Any] = self._backend.encode_batch(texts, add_special_tokens=False)
        return encodings

    def read(self, documents: Sequence[Document]) -> dict[str, list[Any]]:
        """Returns one row per document: ``TOKEN_COLUMNS`` and the number of entities.

        Tokens and mentions beyond ``max_length`` are left out.
        """
        rows: dict[str, list[Any]] = {column: [] for column in TOKEN_COLUMNS}
        rows["entities"] = [len(document.entities) for document in documents]
        documents = self.masked(documents)
        for document, encoding in zip(documents, self.encodings(documents), strict=True):
            rows["input_ids"].append(self.framed(encoding.ids[: self.room]))
            fitting = min(len(encoding.ids), self.room)
            start, end, entity = mention_tokens(document, encoding.offsets)
            within = (end > start) & (end <= fitting)
            rows["sentence_start"].append(sentence_starts(document, encoding.offsets, fitting, self.before))
            rows["mention_start"].append(start[within] + self.before)
            rows["mention_end"].append(end[within] + self.before)
            rows["mention_entity"].append(entity[within])
        return rows


def _special(tokenizer: Any, *names: str) -> int | None:
    """Returns the first of these special tokens that a tokenizer has; None if it has none of them."""
    return next((number for name in names if (number := getattr(tokenizer, name, None)) is not None), None)
