"""Pure loss functions: sums over terms in float32, never means, never NaN.

Shape letters as in ``finecl.types``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from finecl.types import Floats, Ints, LossSum, Pairs

# Stands for -inf in masked logits: its exponential is 0 too, but no gradient through it is NaN.
_NEVER = -1e30
_DENSE_ON_CPU, _DENSE_ON_GPU = 2**22, 2**30  # products that are quicker made all at once than picked
_AT_ONCE = 256  # anchors


def weighted_info_nce(
    x_AH: Tensor, y_CH: Tensor, pairs: Pairs, weight_A: Floats, weight_C: Floats, *, temperature: float
) -> LossSum:
    """Noise-weighted InfoNCE over cosine similarities s (FineCL, section 3.3, in the form of its release):

        sum over anchors a and positives p of   w_a * -log( e^s_ap / (e^s_ap + sum_n w_n e^s_an) )

    ``log w_n`` is added to the logits inside one log-sum-exp. An anchor without positives or without negatives
    contributes no term. With all weights 1 this is NT-Xent (SimCLR; SupCon's "out" form with several positives).

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
        same, x_AH = x_AH is y_CH, F.normalize(x_AH.float(), dim=1)
        y_CH = x_AH if same else F.normalize(y_CH.float(), dim=1)
        log_weight_C = torch.from_numpy(weight_C).to(x_AH.device, torch.float32).log().clamp_min(_NEVER)
        positive_AP, is_positive_AP = _padded(pairs.positive_AP, x_AH)
        negative_AK, is_negative_AK = _padded(pairs.negative_AK, x_AH)
        own_AP, own_AK = products(x_AH, y_CH, positive_AP, negative_AK)
        negative_logit_AK = own_AK / temperature + log_weight_C[negative_AK]
        against_A = negative_logit_AK.masked_fill(~is_negative_AK, _NEVER).logsumexp(dim=1)
        # -log(e^p / (e^p + e^against)) = log(1 + e^(against - p))
        term_AP = F.softplus(against_A[:, None] - own_AP / temperature)
        counts_AP = is_positive_AP & is_negative_AK.any(dim=1, keepdim=True)
        anchor_weight = torch.from_numpy(weight_A).to(x_AH.device, torch.float32)
        return LossSum(total=(term_AP * anchor_weight[:, None] * counts_AP).sum(), terms=pairs.terms)


def cosine_similarities(x_AH: Tensor, y_CH: Tensor) -> Tensor:
    """Cosines of all rows of ``x_AH`` [A, H] with all rows of ``y_CH`` [C, H], float32 [A, C]."""
    return F.normalize(x_AH.float(), dim=1) @ F.normalize(y_CH.float(), dim=1).T


def products(x_AH: Tensor, y_CH: Tensor, *columns: Tensor) -> list[Tensor]:
    """The inner products of each row of ``x_AH`` with the rows of ``y_CH`` that stand in its row of ``columns``.

    Where all products are few, or a GPU makes them, they are made at once and picked from; else only those that are
    asked for are made: 13,000 anchors with 64 of 38,000 candidates are 600 times fewer.

    *Shape:* ``x_AH`` [A, H], ``y_CH`` [C, H], each of ``columns`` and of the results [A, K].
    """
    if len(x_AH) * len(y_CH) <= (_DENSE_ON_CPU if x_AH.device.type == "cpu" else _DENSE_ON_GPU):
        product_AC = x_AH @ y_CH.T
        return [product_AC.gather(1, column_AK) for column_AK in columns]
    picked: Any = _Picked.apply
    return [picked(x_AH, y_CH, column_AK) for column_AK in columns]


class _Picked(torch.autograd.Function):
    """Only the asked inner products; rows of ``y`` are gathered for some anchors at a time."""

    @staticmethod
    def forward(context: Any, x_AH: Tensor, y_CH: Tensor, column_AK: Tensor) -> Tensor:
        """``[A, K]``"""
        context.save_for_backward(x_AH, y_CH, column_AK)
        parts = zip(torch.split(x_AH, _AT_ONCE), torch.split(column_AK, _AT_ONCE), strict=True)
        return torch.cat([torch.bmm(y_CH[column], x[:, :, None])[:, :, 0] for x, column in parts])

    @staticmethod
    def backward(context: Any, *gradients: Any) -> tuple[Tensor, Tensor, None]:
        """Each side's gradient is a weighted sum of rows of the other: a bag of embeddings."""
        (gradient_AK,) = gradients
        x_AH, y_CH, column_AK = context.saved_tensors
        for_x = F.embedding_bag(column_AK, y_CH, mode="sum", per_sample_weights=gradient_AK.contiguous())
        column, order = column_AK.flatten().sort()
        row = order.div(column_AK.shape[1], rounding_mode="floor")
        begins = torch.searchsorted(column, torch.arange(len(y_CH), device=column.device))
        for_y = F.embedding_bag(row, x_AH, begins, mode="sum", per_sample_weights=gradient_AK.flatten()[order])
        return for_x, for_y, None


def _padded(rows: Ints, like: Tensor) -> tuple[Tensor, Tensor]:
    """Row numbers with -1 replaced by 0, and where they were real."""
    there = torch.from_numpy(np.ascontiguousarray(rows)).to(like.device)
    return there.clamp_min(0), there >= 0


def label_cross_entropy(logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
    """Softmax cross-entropy (FineCL, eq. 1) that also serves pairs of several labels: each label competes with
    all relations that its pair does not carry; a pair's loss is the mean over its labels.

    *Shape:* ``logits_PR``, ``labels_PR`` (multi-hot, at least one a row) [P, R]. Terms: pairs.
    """
    logits, labels = logits_PR.float(), labels_PR.bool()
    per_label = F.softplus(against(logits, labels) - logits) * labels
    return LossSum(total=(per_label.sum(dim=1) / labels.sum(dim=1)).sum(), terms=len(logits))


def label_binary_cross_entropy(logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
    """Binary cross-entropy of every relation, meant over relations (released ERICA and FineCL).

    *Shape:* ``logits_PR``, ``labels_PR`` (multi-hot) [P, R]. Terms: pairs.
    """
    loss = F.binary_cross_entropy_with_logits(logits_PR.float(), labels_PR.float(), reduction="none")
    return LossSum(total=loss.mean(dim=1).sum(), terms=len(logits_PR))


def against(logits_PR: Tensor, labels_PR: Tensor) -> Tensor:
    """Log-sum-exp of the logits of the relations that each pair does not carry ``[P, 1]``."""
    return logits_PR.masked_fill(labels_PR, _NEVER).logsumexp(dim=1, keepdim=True)
