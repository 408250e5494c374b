"""Tokenizes documents: words to sub-words, aligned by character offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from finecl.artifacts.provenance import fingerprint
from finecl.errors import ModelError
from finecl.tokens.alignment import mention_tokens, sentence_starts
from finecl.tokens.markers import Markers
from finecl.tokens.mention_masking import mask_mentions
from finecl.tokens.token_rows import TOKEN_COLUMNS
from finecl.types import Document, Ints, MentionMasking

_LAYOUT = 2  # to be raised when the columns change: cached files of another layout are not read


class DocumentTokenizer:
    """A fast tokenizer and the number of sub-words that it may give a document.

    ``markers`` are the words that stand around head and tail in marked sentences, if the vocabulary has any.
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
        self.first: int = tokenizer.cls_token_id
        self.last: int = tokenizer.sep_token_id
        self.mask: int = tokenizer.mask_token_id
        self.special: Ints = np.array(sorted(tokenizer.all_special_ids), dtype=np.int64)
        self.vocabulary: int = len(tokenizer)
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()

    @property
    def fingerprint(self) -> str:
        """Changes when the same words would give other tokens."""
        hidden = () if self.mentions == "text" else (self.mentions,)
        return fingerprint(self._backend.to_str(), self.max_length, _LAYOUT, *hidden)

    def with_masking(self, mentions: MentionMasking) -> DocumentTokenizer:
        """The same reader, reading the types of entities in the place of their mentions, or blanks."""
        return DocumentTokenizer(self.hf_tokenizer, self.max_length, self.markers, mentions)

    def encode(self, text: str) -> list[int]:
        """Sub-words of a text, without special tokens."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def masked(self, documents: Sequence[Document]) -> Sequence[Document]:
        """The documents with their mentions hidden, if this reader hides them."""
        if self.mentions == "text":
            return documents
        return [mask_mentions(document, self.mentions, self.hf_tokenizer.mask_token) for document in documents]

    def encodings(self, documents: Sequence[Document]) -> Sequence[Any]:
        """The sub-words of each document with their character offsets, its words joined by single spaces."""
        texts = [" ".join(word for sentence in d.sentences for word in sentence) for d in documents]
        encodings: Sequence[Any] = self._backend.encode_batch(texts, add_special_tokens=False)
        return encodings

    def read(self, documents: Sequence[Document]) -> dict[str, list[Any]]:
        """One row a document: the parts of ``TokenRows`` and the number of entities.

        Tokens and mentions beyond ``max_length`` are left out.
        """
        rows: dict[str, list[Any]] = {column: [] for column in TOKEN_COLUMNS}
        rows["entities"] = [len(document.entities) for document in documents]
        documents = self.masked(documents)
        for document, encoding in zip(documents, self.encodings(documents), strict=True):
            ids = encoding.ids[: self.max_length - 2]
            rows["input_ids"].append([self.first, *ids, self.last])
            start, end, entity = mention_tokens(document, encoding.offsets)
            kept = (end > start) & (end <= len(ids))
            rows["sentence_start"].append(sentence_starts(document, encoding.offsets, len(ids)))
            rows["mention_start"].append(start[kept] + 1)
            rows["mention_end"].append(end[kept] + 1)
            rows["mention_entity"].append(entity[kept])
        return rows
