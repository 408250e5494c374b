"""Attention over packed documents: one row of tokens, no padding, every token sees its own document only.

transformers' own ``sdpa`` and ``flex_attention`` accept packed position ids and silently let documents see each
other. These functions are registered under names of their own, for which transformers builds no mask at all, and
are told the documents' lengths by keywords of the model's forward. Which of them serves depends on the hardware:

* ``loop``: document by document; for CPUs, where it is faster than any masked or nested form;
* ``varlen``: torch's variable-length kernel; for GPUs that compute in bfloat16;
* ``padded``: a padded batch and transformers' ``sdpa``, where neither serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface

from finecl.types import AttentionBias

Packing = Literal["loop", "varlen", "padded"]
IMPLEMENTATIONS: dict[Packing, str] = {"loop": "finecl_packed", "varlen": "finecl_varlen", "padded": "sdpa"}
"""What transformers calls them."""
BIASED = "finecl_biased"


def choose_packing(asked: str, device: str, *, bf16: bool, dropout: float) -> Packing:
    """How documents are kept apart: ``asked`` is "auto", "on" or "off".

    The variable-length kernel computes in bfloat16 and knows no attention dropout; "on" then means the loop.
    """
    if asked == "off":
        return "padded"
    if device == "cpu":
        return "loop"
    if bf16 and not dropout and torch.cuda.get_device_capability(device)[0] >= 8 and _has_varlen():
        return "varlen"
    return "loop" if asked == "on" else "padded"


def with_lengths(packing: Packing, lengths: tuple[int, ...], device: torch.device) -> dict[str, Any]:
    """The keywords by which a model's forward tells its attention where documents end."""
    if packing == "loop":
        return {"lengths": lengths}
    # Not Python numbers: a compiled layer would be compiled again for each of them.
    ends = torch.tensor((0, *lengths), dtype=torch.int32).cumsum(0, dtype=torch.int32)
    return {"ends": ends.to(device, non_blocking=True), "longest": -(-max(lengths) // 512) * 512}


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
    _refuse_padding(query, attention_mask, sum(lengths))
    # On CPUs the fused kernel's backward is slow in bfloat16: two plain products are twice as fast there.
    attend = _plain if query.device.type == "cpu" and query.dtype == torch.bfloat16 else _fused
    documents = zip(*(torch.split(x[0], list(lengths), dim=1) for x in (query, key, value)), strict=True)
    out = [attend(q, k, v, scaling, dropout, _window(q, sliding_window)) for q, k, v in documents]
    return torch.cat(out, dim=1).transpose(0, 1)[None], None


def biased_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    lengths: tuple[int, ...],
    bias: AttentionBias,
    layers: Mapping[int, int],
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """The same with ``bias`` looking at each document's queries and keys, and adding to their products if it likes.

    ``layers`` gives the number of each layer's module by its ``id``.

    *Shape:* as ``packed_attention``; ``bias`` is given the layer, the document, its queries and keys
    [heads, L, head width], and gives [heads, L, L] to be added before the scaling, or None.
    """
    _refuse_padding(query, attention_mask, sum(lengths))
    out = []
    documents = zip(*(torch.split(x[0], list(lengths), dim=1) for x in (query, key, value)), strict=True)
    for number, (q, k, v) in enumerate(documents):
        added = bias(layers[id(module)], number, q, k)
        if added is None:
            out.append(_fused(q, k, v, scaling, dropout, None))
            continue
        scores = (torch.bmm(q, k.transpose(1, 2)) + added) * scaling
        weights = F.dropout(torch.softmax(scores.float(), dim=-1).to(v.dtype), dropout, training=dropout > 0)
        out.append(torch.bmm(weights, v))
    return torch.cat(out, dim=1).transpose(0, 1)[None], None


def varlen_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    ends: Tensor,
    longest: int,
    scaling: float,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """The same by torch's variable-length kernel; ``ends`` [D + 1] are the documents' ends, from 0.

    Its scale is the usual one, (head width)^-0.5: another one is put into the query.

    *Shape:* as ``packed_attention``.
    """
    from torch.nn.attention.varlen import varlen_attn

    _refuse_padding(query, attention_mask, query.shape[2])
    q, k, v = (x[0].transpose(0, 1).to(torch.bfloat16) for x in (query, key, value))
    usual = float(q.shape[-1]) ** -0.5
    if abs(scaling - usual) > 1e-6 * usual:
        q = q * (scaling / usual)
    # transformers' window of w lets a token see those less than w away
    reach = (-1, -1) if sliding_window is None else (sliding_window - 1, sliding_window - 1)
    out = varlen_attn(q, k, v, ends, ends, longest, longest, window_size=reach)
    assert isinstance(out, Tensor)
    return out.unsqueeze(0).to(query.dtype), None


def _refuse_padding(query: Tensor, attention_mask: Tensor | None, tokens: int) -> None:
    if attention_mask is not None or query.shape[0] != 1 or tokens != query.shape[2]:
        raise ValueError(
            f"packed attention needs one unpadded row whose documents add up to {query.shape[2]} tokens; "
            f"got {query.shape[0]} rows, lengths that add up to {tokens}"
        )


def _has_varlen() -> bool:
    """Whether this torch has the kernel: it came with 2.10, windows with 2.11."""
    try:
        from torch.nn.attention import varlen
    except ImportError:
        return False
    return hasattr(varlen, "varlen_attn")


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


AttentionInterface.register(IMPLEMENTATIONS["loop"], packed_attention)
AttentionInterface.register(IMPLEMENTATIONS["varlen"], varlen_attention)
AttentionInterface.register(BIASED, biased_attention)
