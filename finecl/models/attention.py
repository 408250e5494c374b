"""Attention over packed documents: one row of tokens without padding, in which each token attends to its document only.

transformers' ``sdpa`` and ``flex_attention`` accept packed position ids but silently let documents attend to each
other. These functions are registered under separate names, for which transformers builds no mask. They receive the
lengths of the documents as keyword arguments of the model's forward. The implementation depends on the hardware:

* ``loop``: one document at a time; for CPUs, where it is faster than any masked or nested form;
* ``varlen``: torch's variable-length kernel; for GPUs that compute in bfloat16;
* ``padded``: a padded batch and transformers' ``sdpa``; for all other cases.
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
"""Names of the implementations in transformers."""
BIASED = "finecl_biased"


def choose_packing(setting: str, device: str, *, bf16: bool, dropout: float) -> Packing:
    """Chooses the implementation that keeps documents apart; ``setting`` is "auto", "on" or "off".

    The variable-length kernel computes in bfloat16 and has no attention dropout; where it does not apply, "on" selects
    the loop.
    """
    if setting == "off":
        return "padded"
    if device == "cpu":
        return "loop"
    if bf16 and not dropout and torch.cuda.get_device_capability(device)[0] >= 8 and _has_varlen():
        return "varlen"
    return "loop" if setting == "on" else "padded"


def with_lengths(packing: Packing, lengths: tuple[int, ...], device: torch.device) -> dict[str, Any]:
    """Returns the keyword arguments of a model's forward from which attention knows where documents end."""
    if packing == "loop":
        return {"lengths": lengths}
    # A tensor, since a compiled layer is recompiled for each new Python number.
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
    """Computes attention within each document of a packed row: bidirectional, or causal in decoders read as such.

    *Shape:* ``query`` [1, heads, T, head width]; ``key``, ``value`` the same, or with fewer heads, each for a group of
    query heads; the result [1, T, heads, head width].

    Raises:
        ValueError: the batch is padded, or the lengths do not sum to T.
    """
    _check_packed(query, attention_mask, sum(lengths))
    # The backward pass of the fused kernel is slow in bfloat16 on CPUs; two matrix products are twice as fast.
    attend = _plain if query.device.type == "cpu" and query.dtype == torch.bfloat16 else _fused
    key, value = _every_head(query, key), _every_head(query, value)
    reach = _reach(module, sliding_window)
    documents = zip(*(torch.split(x[0], list(lengths), dim=1) for x in (query, key, value)), strict=True)
    out = [attend(q, k, v, scaling, dropout, _window(q, *reach)) for q, k, v in documents]
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
    """Computes ``packed_attention`` with a bias added to the products of queries and keys.

    ``layers`` maps the ``id`` of each layer's module to the number of the layer.

    *Shape:* as ``packed_attention``; ``bias`` takes the layer, the document, its queries and keys
    [heads, L, head width], and returns [heads, L, L], which is added before the scaling, or None.
    """
    _check_packed(query, attention_mask, sum(lengths))
    out = []
    documents = zip(*(torch.split(x[0], list(lengths), dim=1) for x in (query, key, value)), strict=True)
    for number, (q, k, v) in enumerate(documents):
        document_bias = bias(layers[id(module)], number, q, k)
        if document_bias is None:
            out.append(_fused(q, k, v, scaling, dropout, None))
            continue
        scores = (torch.bmm(q, k.transpose(1, 2)) + document_bias) * scaling
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
    """Computes ``packed_attention`` with torch's variable-length kernel.

    ``ends`` [D + 1] are the ends of the documents, starting with 0; ``longest`` is an upper bound of their lengths. The
    kernel scales by (head width)^-0.5; for another ``scaling`` the query is rescaled.

    *Shape:* as ``packed_attention``.
    """
    from torch.nn.attention.varlen import varlen_attn

    _check_packed(query, attention_mask, query.shape[2])
    key, value = _every_head(query, key), _every_head(query, value)
    q, k, v = (x[0].transpose(0, 1).to(torch.bfloat16) for x in (query, key, value))
    kernel_scaling = float(q.shape[-1]) ** -0.5
    if abs(scaling - kernel_scaling) > 1e-6 * kernel_scaling:
        q = q * (scaling / kernel_scaling)
    before, after = (-1 if distance is None else distance for distance in _reach(module, sliding_window))
    out = varlen_attn(q, k, v, ends, ends, longest, longest, window_size=(before, after))
    assert isinstance(out, Tensor)
    return out.unsqueeze(0).to(query.dtype), None


def _check_packed(query: Tensor, attention_mask: Tensor | None, tokens: int) -> None:
    if attention_mask is not None or query.shape[0] != 1 or tokens != query.shape[2]:
        raise ValueError(
            f"packed attention needs one unpadded row whose documents add up to {query.shape[2]} tokens; "
            f"got {query.shape[0]} rows, lengths that add up to {tokens}"
        )


def _has_varlen() -> bool:
    """Returns whether this torch has the kernel (2.10 or later; windows need 2.11)."""
    try:
        from torch.nn.attention import varlen
    except ImportError:
        return False
    return hasattr(varlen, "varlen_attn")


def _every_head(query: Tensor, key: Tensor) -> Tensor:
    """Repeats keys or values whose heads serve a group of query heads each."""
    groups = query.shape[1] // key.shape[1]
    return key if groups == 1 else key.repeat_interleave(groups, dim=1)


def _reach(module: nn.Module, sliding_window: int | None) -> tuple[int | None, int | None]:
    """Returns how many tokens before and after itself a token attends to; None: all.

    In transformers, a window of w means distances below w; in decoders read bidirectionally, up to w.
    """
    decoder = bool(getattr(module, "is_causal", False))
    causal = decoder and bool(getattr(module.config, "is_causal", True))
    distance = None if sliding_window is None else sliding_window - 1 + (decoder and not causal)
    return distance, 0 if causal else distance


def _window(query: Tensor, before: int | None, after: int | None) -> Tensor | None:
    """Returns which keys each query attends to ``[L, L]``; None: all."""
    length = query.shape[1]
    if all(distance is None or distance >= length - 1 for distance in (before, after)):
        return None
    position = torch.arange(length, device=query.device)
    distance = position[None, :] - position[:, None]
    mask = torch.ones_like(distance, dtype=torch.bool)
    if before is not None:
        mask &= distance >= -before
    if after is not None:
        mask &= distance <= after
    return mask


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
