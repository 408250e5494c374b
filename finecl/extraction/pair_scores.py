"""Scores of entity pairs: one scorer for dev, test and inference.

Documents are read as rows (``finecl.tokens.windows``). A pair that lies in several windows has the highest of its
scores, relation by relation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from finecl.distributed.process_group import Ranks
from finecl.errors import ModelError
from finecl.numerics.partition import balance, pack_to_budget
from finecl.numerics.ragged import find, pair_key
from finecl.tokens.packing import pack
from finecl.tokens.token_rows import TokenBatch
from finecl.tokens.windows import Row, token_rows
from finecl.types import Bools, Floats, Instances, Ints


class Backend(Protocol):
    """Computes the scores of entity pairs of some rows: torch, or onnxruntime (``finecl.inference.onnx.backend``)."""

    @property
    def max_tokens(self) -> int:
        """Maximum number of sub-words in one encoder pass."""
        ...

    def scores(self, rows: TokenBatch, row_P: Ints, head_P: Ints, tail_P: Ints) -> Floats:
        """Returns scores ``[P, relations]`` of pairs, given by their row and the row's numbers of head and tail."""
        ...


class TorchBackend:
    """An extractor in torch, on packed rows. Building it switches the extractor to evaluation mode."""

    def __init__(self, extractor: Any, max_tokens: int | None) -> None:
        self._extractor = extractor.eval()
        self.max_tokens = extractor.encoder.precision.pass_tokens(max_tokens)

    @torch.no_grad()
    def scores(self, rows: TokenBatch, row_P: Ints, head_P: Ints, tail_P: Ints) -> Floats:
        """Returns scores ``[P, relations]``; see ``Backend``."""
        packed, encoder = pack(rows), self._extractor.encoder
        head, tail = packed.entity_rows(row_P, head_P), packed.entity_rows(row_P, tail_P)
        batch = packed.batch(head, tail, first_position=encoder.first_position)
        logits_PR = self._extractor(batch.to(encoder.precision.device))
        scores: Floats = self._extractor.scores(logits_PR.float()).cpu().numpy()
        return scores


@dataclass(frozen=True, kw_only=True)
class PairScores:
    """Scores of every relation for entity pairs, each pair once, sorted by document, head and tail.

    *Shape:* ``document``, ``head``, ``tail`` [P]; ``scores_PR`` [P, relations], without no-relation.
    """

    document: Ints
    head: Ints
    tail: Ints
    scores_PR: Floats

    def correct(self, gold: Instances) -> Bools:
        """Returns which scores belong to a gold label ``[P, relations]``; gold pairs without a score are left out."""
        correct = np.zeros(self.scores_PR.shape, dtype=np.bool_)
        keys = pair_key(self.document, self.head, self.tail)
        row = find(keys, pair_key(gold.document, gold.head, gold.tail))
        correct[row[row >= 0], gold.relation[row >= 0]] = True
        return correct


def score_pairs(backend: Backend, rows: Sequence[Row], ranks: Ranks | None = None) -> PairScores | None:
    """Scores all pairs of all rows, rows of similar length together; None if there are no pairs.

    With several ranks each scores its share, all make the same number of encoder passes, and all return all scores.

    Raises:
        ModelError: a score is NaN.
    """
    ranks = ranks or Ranks()
    lengths = np.array([len(row.ids) for row in rows], dtype=np.int64)
    own = balance(lengths, ranks.size)[ranks.rank]
    by_length = own[np.argsort(lengths[own], kind="stable")]
    batches = [np.sort(by_length[batch]) for batch in pack_to_budget(lengths[by_length], backend.max_tokens)]
    parts = []
    for number in range(ranks.all_max(len(batches))):
        numbers = batches[number].tolist() if number < len(batches) else [0]
        scores = _score_rows(backend, [rows[n] for n in numbers])
        if number < len(batches):
            parts.append(scores)
    parts = [part for of_rank in ranks.all_gather_object(parts) for part in of_rank]
    if not parts:
        return None
    merged = _merge(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    if np.isnan(merged.scores_PR).any():
        raise ModelError("the extractor gives scores that are not numbers (NaN): its weights are damaged")
    return merged


def _score_rows(backend: Backend, rows: Sequence[Row]) -> tuple[Ints, Ints, Ints, Floats]:
    """Returns document, head, tail [P] and scores [P, relations] of the pairs of one encoder pass."""
    row_P = np.repeat(np.arange(len(rows)), [len(row.head) for row in rows])
    head_P, tail_P = (np.concatenate([getattr(row, name) for row in rows]) for name in ("head", "tail"))
    scores_PR = backend.scores(token_rows(rows), row_P, head_P, tail_P)
    head, tail = (np.concatenate([row.own[getattr(row, name)] for row in rows]) for name in ("head", "tail"))
    return np.array([row.document for row in rows], dtype=np.int64)[row_P], head, tail, scores_PR


def _merge(document: Ints, head: Ints, tail: Ints, scores_PR: Floats) -> PairScores:
    """Sorts pairs and keeps each once, with the maximum of its scores over windows."""
    order = np.lexsort((tail, head, document))
    document, head, tail, scores_PR = document[order], head[order], tail[order], scores_PR[order]
    changed = np.diff(pair_key(document, head, tail)) != 0
    first = np.flatnonzero(np.concatenate([[True], changed]))
    merged = scores_PR if len(first) == len(document) else np.maximum.reduceat(scores_PR, first, axis=0)
    return PairScores(document=document[first], head=head[first], tail=tail[first], scores_PR=merged)
