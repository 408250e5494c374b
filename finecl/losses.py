"""Loss functions: sums over terms (never means) in float32, never NaN.

Shape letters as in ``finecl.types``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from finecl.types import Floats, Ints, LossSum, Pairs

# Replaces -inf in masked logits: its exponential is 0 as well, but its gradients are never NaN.
_NEVER = -1e30
_DENSE_ON_CPU, _DENSE_ON_GPU = 2**22, 2**30  # up to so many products, one dense matrix product is faster
_CHUNK = 256  # anchors


def weighted_info_nce(
    x_AH: Tensor, y_CH: Tensor, pairs: Pairs, weight_A: Floats, weight_C: Floats,
    *, temperature: float, weigh_positives: bool = False,
) -> LossSum:  # fmt: skip
    """Computes noise-weighted InfoNCE over cosine similarities s (FineCL, section 3.3, in the form of its release):

        sum over anchors a and positives p of   w_a * -log( e^s_ap / (e^s_ap + sum_n w_n e^s_an) )

    ``log w_n`` is added to the logits inside one log-sum-exp. An anchor without positives or without negatives
    adds no term. With all weights 1 this is NT-Xent (SimCLR; SupCon's "out" form for several positives).
    ``weigh_positives`` multiplies each term by the weight of its positive too: w_a * w_p.

    *Shape:* ``x_AH`` [A, H], ``y_CH`` [C, H], ``weight_A`` [A], ``weight_C`` [C].

    Example:
        >>> pairs = Pairs.contrastive(np.array([[1]]), np.array([[2]]))
        >>> one = np.ones(3, dtype=np.float32)
        >>> loss = weighted_info_nce(torch.eye(3)[:1], torch.eye(3), pairs, one[:1], one, temperature=1.0)
        >>> round(loss.total.item(), 4), loss.terms
        (0.6931, 1)
    """
    with torch.autocast(x_AH.device.type, enabled=False):
        if not pairs.terms:
            return LossSum(total=(x_AH.sum() + y_CH.sum()).float() * 0.0, terms=0)
        x_AH, y_CH = _normalized(x_AH, y_CH)
        weights_A, weights_C = (torch.from_numpy(w).to(x_AH.device, torch.float32) for w in (weight_A, weight_C))
        positive_AP, is_positive_AP = _padded(pairs.positive_AP, x_AH)
        negative_AK, is_negative_AK = _padded(pairs.negative_AK, x_AH)
        cosine_AP, cosine_AK = products(x_AH, y_CH, positive_AP, negative_AK)
        log_weight_C = weights_C.log().clamp_min(_NEVER)
        negative_logit_AK = cosine_AK / temperature + log_weight_C[negative_AK]
        against_A = negative_logit_AK.masked_fill(~is_negative_AK, _NEVER).logsumexp(dim=1)
        # -log(e^p / (e^p + e^against)) = log(1 + e^(against - p))
        term_AP = F.softplus(against_A[:, None] - cosine_AP / temperature)
        weight_AP = weights_A[:, None] * (weights_C[positive_AP] if weigh_positives else 1.0)
        counts_AP = is_positive_AP & is_negative_AK.any(dim=1, keepdim=True)
        return LossSum(total=(term_AP * weight_AP * counts_AP).sum(), terms=pairs.terms)


def _normalized(x_AH: Tensor, y_CH: Tensor) -> tuple[Tensor, Tensor]:
    """Returns both with rows of length 1, in float32; one tensor if both are the same."""
    x = F.normalize(x_AH.float(), dim=1)
    return x, x if x_AH is y_CH else F.normalize(y_CH.float(), dim=1)


def cosine_similarities(x_AH: Tensor, y_CH: Tensor) -> Tensor:
    """Returns the cosines of all rows of ``x_AH`` [A, H] with all rows of ``y_CH`` [C, H], float32 [A, C]."""
    return F.normalize(x_AH.float(), dim=1) @ F.normalize(y_CH.float(), dim=1).T


def products(x_AH: Tensor, y_CH: Tensor, *columns: Tensor) -> list[Tensor]:
    """Returns the inner products of each row of ``x_AH`` with the rows of ``y_CH`` that its row of ``columns`` lists.

    If the full product matrix is small, or a GPU computes it, it is computed and indexed. Otherwise only the listed
    products are computed: for 13,000 anchors with 64 of 38,000 candidates each, these are 600 times fewer.

    *Shape:* ``x_AH`` [A, H], ``y_CH`` [C, H], each of ``columns`` and of the results [A, K].
    """
    if len(x_AH) * len(y_CH) <= (_DENSE_ON_CPU if x_AH.device.type == "cpu" else _DENSE_ON_GPU):
        product_AC = x_AH @ y_CH.T
        return [product_AC.gather(1, column_AK) for column_AK in columns]
    indexed: Any = _IndexedProducts.apply
    return [indexed(x_AH, y_CH, column_AK) for column_AK in columns]


class _IndexedProducts(torch.autograd.Function):
    """Computes only the listed inner products, gathering rows of ``y`` for a chunk of anchors at a time."""

    @staticmethod
    def forward(context: Any, x_AH: Tensor, y_CH: Tensor, column_AK: Tensor) -> Tensor:
        """Returns the products ``[A, K]``."""
        context.save_for_backward(x_AH, y_CH, column_AK)
        parts = zip(torch.split(x_AH, _CHUNK), torch.split(column_AK, _CHUNK), strict=True)
        return torch.cat([torch.bmm(y_CH[column], x[:, :, None])[:, :, 0] for x, column in parts])

    @staticmethod
    def backward(context: Any, *gradients: Any) -> tuple[Tensor, Tensor, None]:
        """Returns each side's gradient: a weighted sum of rows of the other side, computed as an embedding bag."""
        (gradient_AK,) = gradients
        x_AH, y_CH, column_AK = context.saved_tensors
        for_x = F.embedding_bag(column_AK, y_CH, mode="sum", per_sample_weights=gradient_AK.contiguous())
        column, order = column_AK.flatten().sort()
        row = order.div(column_AK.shape[1], rounding_mode="floor")
        begins = torch.searchsorted(column, torch.arange(len(y_CH), device=column.device))
        for_y = F.embedding_bag(row, x_AH, begins, mode="sum", per_sample_weights=gradient_AK.flatten()[order])
        return for_x, for_y, None


def _padded(rows: Ints, like: Tensor) -> tuple[Tensor, Tensor]:
    """Returns row numbers with the padding -1 replaced by 0, and a mask that is False at the padding."""
    index = torch.from_numpy(np.ascontiguousarray(rows)).to(like.device)
    return index.clamp_min(0), index >= 0


def label_cross_entropy(logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
    """Computes softmax cross-entropy (FineCL, eq. 1), extended to pairs with several labels.

    Each label competes with all relations that its pair is not labelled with; a pair's loss is the mean over its
    labels.

    *Shape:* ``logits_PR``, ``labels_PR`` (multi-hot, at least one a row) [P, R]. Terms: pairs.
    """
    logits, labels = logits_PR.float(), labels_PR.bool()
    per_label = F.softplus(against(logits, labels) - logits) * labels
    return LossSum(total=(per_label.sum(dim=1) / labels.sum(dim=1)).sum(), terms=len(logits))


def label_binary_cross_entropy(logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
    """Computes the binary cross-entropy of every relation, averaged over relations (released ERICA and FineCL).

    *Shape:* ``logits_PR``, ``labels_PR`` (multi-hot) [P, R]. Terms: pairs.
    """
    loss = F.binary_cross_entropy_with_logits(logits_PR.float(), labels_PR.float(), reduction="none")
    return LossSum(total=loss.mean(dim=1).sum(), terms=len(logits_PR))


def against(logits_PR: Tensor, labels_PR: Tensor) -> Tensor:
    """Returns the log-sum-exp of the logits of the relations that each pair is not labelled with ``[P, 1]``."""
    return logits_PR.masked_fill(labels_PR, _NEVER).logsumexp(dim=1, keepdim=True)
