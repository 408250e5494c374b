"""Packed documents as tensors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Documents packed into one row of tokens without padding, with their entities and candidate pairs.

    Entities are a sparse matrix over tokens (CSR): entity ``v`` is the weighted sum of the tokens
    ``member_M[offset_V[v]:offset_V[v + 1]]``, the mean over its mentions of the mean over each mention's tokens
    (FineCL, eq. 4). ``head_P`` and ``tail_P`` are rows of entities.

    ``sentence_T`` is the number of each token's sentence within its document; special tokens belong to the sentence
    next to them.

    *Shape:* ``input_ids``, ``position_ids`` [1, T]; ``sentence_T`` [T]; ``lengths`` D numbers that add up to T,
    ``entities`` D numbers that add up to V; ``member_M``, ``share_M`` [M]; ``offset_V`` (first member of each entity),
    ``start_V`` (its first token, counted from the start of its document) [V]; ``head_P``, ``tail_P`` [P].
    """

    input_ids: Tensor
    position_ids: Tensor
    lengths: tuple[int, ...]
    entities: tuple[int, ...]
    member_M: Tensor
    share_M: Tensor
    offset_V: Tensor
    start_V: Tensor
    head_P: Tensor
    tail_P: Tensor
    sentence_T: Tensor

    def to(self, device: str) -> Batch:
        """Copies the batch to another device."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {name: c.to(device, non_blocking=True) for name, c in columns.items() if not isinstance(c, tuple)}
        return replace(self, **tensors)
