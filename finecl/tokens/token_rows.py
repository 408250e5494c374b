"""Tokenized documents as columns: written by tokenizers, packed into batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finecl.types import Ints


TOKEN_COLUMNS = ("input_ids", "sentence_start", "mention_start", "mention_end", "mention_entity")
"""Columns of a tokenized corpus on disk, one list per row."""


@dataclass(frozen=True, kw_only=True)
class TokenBatch:
    """Tokenized documents, special tokens included: columns laid end to end, and the length of each document.

    ``start`` and ``end`` are half-open spans that count from the first token of the mention's document; ``sentence``
    is the number of each token's sentence within its document.

    *Shape:* ``ids``, ``sentence`` [T], ``lengths`` [D]; ``start``, ``end``, ``entity`` [mentions], ``mentions`` [D].
    """

    ids: Ints
    lengths: Ints
    start: Ints
    end: Ints
    entity: Ints
    mentions: Ints
    sentence: Ints
