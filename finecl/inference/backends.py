"""What computes the scores of entity pairs: torch, or onnxruntime (``finecl.inference.onnx.backend``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from finecl.inference.windows import Row, token_rows
from finecl.numerics.partition import pack_to_budget
from finecl.tokens.packing import pack
from finecl.tokens.token_rows import TokenBatch
from finecl.types import Floats, Ints


class Backend(Protocol):
    """Scores pairs of entities of some rows."""

    @property
    def max_tokens(self) -> int:
        """How many sub-words one pass holds."""
        ...

    def scores(self, rows: TokenBatch, row_P: Ints, head_P: Ints, tail_P: Ints) -> Floats:
        """Scores ``[P, relations]`` of pairs: the row, and the row's numbers of head and tail."""
        ...


class TorchBackend:
    """The extractor as it was fine-tuned, on packed rows."""

    def __init__(self, extractor: Any, max_tokens: int | None) -> None:
        self._extractor = extractor.eval()
        self.max_tokens = extractor.encoder.precision.pass_tokens(max_tokens)

    @torch.inference_mode()
    def scores(self, rows: TokenBatch, row_P: Ints, head_P: Ints, tail_P: Ints) -> Floats:
        """Scores ``[P, relations]``; see ``Backend``."""
        packed, encoder = pack(rows), self._extractor.encoder
        head, tail = packed.entity_rows(row_P, head_P), packed.entity_rows(row_P, tail_P)
        batch = packed.batch(head, tail, first_position=encoder.first_position)
        logits_PR = self._extractor(batch.to(encoder.precision.device))
        scores: Floats = self._extractor.scores(logits_PR.float()).cpu().numpy()
        return scores


def score_rows(backend: Backend, rows: Sequence[Row]) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
    """The scores of all pairs of all rows, pass by pass, rows of like length together.

    Yields the documents' numbers and their numbers of head and tail [P], and the scores [P, relations].
    """
    lengths = np.array([len(row.ids) for row in rows], dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    for run in pack_to_budget(lengths[order], backend.max_tokens):
        some = [rows[number] for number in order[run].tolist()]
        row_P = np.repeat(np.arange(len(some)), [len(row.head) for row in some])
        head_P, tail_P = (np.concatenate([getattr(row, name) for row in some]) for name in ("head", "tail"))
        scores_PR = backend.scores(token_rows(some), row_P, head_P, tail_P)
        head, tail = (np.concatenate([row.own[getattr(row, name)] for row in some]) for name in ("head", "tail"))
        yield np.array([row.document for row in some], dtype=np.int64)[row_P], head, tail, scores_PR
