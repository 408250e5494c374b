"""Masks tokens for masked language modelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finecl.numerics.keyed_random import keyed_uniform
from finecl.numerics.ragged import entity_key, offsets, ranges
from finecl.tokens.packing import Packed
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Ints


@dataclass(frozen=True, kw_only=True)
class Masked:
    """Tokens after masking; ``position_I`` are the masked positions and ``label_I`` their original tokens."""

    ids_T: Ints
    position_I: Ints
    label_I: Ints

    def part(self, begin: int, end: int) -> Masked:
        """Returns the tokens ``begin .. end - 1``."""
        first, last = np.searchsorted(self.position_I, [begin, end])
        return Masked(
            ids_T=self.ids_T[begin:end],
            position_I=self.position_I[first:last] - begin,
            label_I=self.label_I[first:last],
        )

    @classmethod
    def join(cls, parts: Sequence[Masked]) -> Masked:
        """Concatenates masked tokens."""
        begins = offsets(np.array([len(p.ids_T) for p in parts], dtype=np.int64))
        return cls(
            ids_T=np.concatenate([p.ids_T for p in parts]),
            position_I=np.concatenate([p.position_I + b for p, b in zip(parts, begins, strict=True)]),
            label_I=np.concatenate([p.label_I for p in parts]),
        )


def mask_tokens(
    packed: Packed, documents: Ints, share: float, tokenizer: DocumentTokenizer, *, seed: int, step: int
) -> Masked:
    """Masks ``share`` of the tokens that are neither special nor part of a mention: 80 % become the mask token,
    10 % a random token, 10 % are unchanged (BERT). Entity mentions are never masked (ERICA's ``mlm_mask``).

    ``documents`` are the documents' numbers in their corpus: the mask of a document does not depend on the others.
    """
    if not share:  # also where there is no mask token
        none = np.zeros(0, dtype=np.int64)
        return Masked(ids_T=packed.ids_T, position_I=none, label_I=none)
    open_T = ~np.isin(packed.ids_T, tokenizer.special)
    open_T[packed.member_M] = False
    place = ranges(np.zeros(len(packed.lengths), dtype=np.int64), packed.lengths)
    key_T = entity_key(np.repeat(documents, packed.lengths), place)
    position = np.flatnonzero(open_T & (keyed_uniform(key_T, seed, "mask", step) < share))
    kind, other = (keyed_uniform(key_T[position], seed, purpose, step) for purpose in ("mask kind", "mask token"))
    label, ids = packed.ids_T[position], packed.ids_T.copy()
    random_ids = (other * tokenizer.vocabulary).astype(np.int64)
    ids[position] = np.where(kind < 0.8, tokenizer.mask, np.where(kind < 0.9, random_ids, label))
    return Masked(ids_T=ids, position_I=position, label_I=label)
