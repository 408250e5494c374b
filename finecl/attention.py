"""Attention over packed documents: one row of tokens, no padding, every token sees its own document only.

transformers' own ``sdpa`` and ``flex_attention`` accept packed position ids and silently let documents see each
other. This function is registered under a name of its own, for which transformers builds no mask at all, and is
told the documents' lengths by the keyword ``lengths`` of the model's forward.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface

PACKED = "finecl_packed"


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    lengths: tuple[int, ...],
    scaling: float,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Bidirectional attention within each document of a packed row.

    *Shape:* ``query``, ``key``, ``value`` [1, heads, T, head width]; the result [1, T, heads, head width].

    Raises:
        ValueError: the batch is padded, or the lengths do not add up to T.
    """
    if attention_mask is not None or query.shape[0] != 1 or sum(lengths) != query.shape[2]:
        raise ValueError(
            f"packed attention needs one unpadded row whose documents add up to {query.shape[2]} tokens; "
            f"got {query.shape[0]} rows, lengths that add up to {sum(lengths)}"
        )
    # On CPUs the fused kernel's backward is slow in bfloat16: two plain products are twice as fast there.
    attend = _plain if query.device.type == "cpu" and query.dtype == torch.bfloat16 else _fused
    documents = zip(*(torch.split(x[0], list(lengths), dim=1) for x in (query, key, value)), strict=True)
    out = [attend(q, k, v, scaling, dropout, _window(q, sliding_window)) for q, k, v in documents]
    return torch.cat(out, dim=1).transpose(0, 1)[None], None


def _window(query: Tensor, sliding_window: int | None) -> Tensor | None:
    length = query.shape[1]
    if sliding_window is None or length <= sliding_window:
        return None
    position = torch.arange(length, device=query.device)
    return (position[:, None] - position[None, :]).abs() < sliding_window


def _fused(q: Tensor, k: Tensor, v: Tensor, scaling: float, dropout: float, mask: Tensor | None) -> Tensor:
    mask = None if mask is None else mask[None, None]
    return F.scaled_dot_product_attention(q[None], k[None], v[None], mask, dropout, scale=scaling)[0]


def _plain(q: Tensor, k: Tensor, v: Tensor, scaling: float, dropout: float, mask: Tensor | None) -> Tensor:
    scores = torch.bmm(q * scaling, k.transpose(1, 2))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = F.dropout(torch.softmax(scores, dim=-1), dropout, training=dropout > 0)
    return torch.bmm(weights, v)


AttentionInterface.register(PACKED, packed_attention)
