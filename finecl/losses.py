"""Pure loss functions: sums over terms in float32, never means, never NaN.

Shape letters as in ``finecl.types``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from finecl.types import Floats, Ints, LossSum, Pairs

# Stands for -inf in masked logits: its exponential is 0 too, but no gradient through it is NaN.
_NEVER = -1e30


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
        similarity_AC = cosine_similarities(x_AH, y_CH) / temperature
        log_weight_C = torch.from_numpy(weight_C).to(x_AH.device, torch.float32).log().clamp_min(_NEVER)
        positive_AP, is_positive_AP = _padded(pairs.positive_AP, x_AH)
        negative_AK, is_negative_AK = _padded(pairs.negative_AK, x_AH)
        negative_logit_AK = similarity_AC.gather(1, negative_AK) + log_weight_C[negative_AK]
        against_A = negative_logit_AK.masked_fill(~is_negative_AK, _NEVER).logsumexp(dim=1)
        # -log(e^p / (e^p + e^against)) = log(1 + e^(against - p))
        term_AP = F.softplus(against_A[:, None] - similarity_AC.gather(1, positive_AP))
        counts_AP = is_positive_AP & is_negative_AK.any(dim=1, keepdim=True)
        anchor_weight = torch.from_numpy(weight_A).to(x_AH.device, torch.float32)
        return LossSum(total=(term_AP * anchor_weight[:, None] * counts_AP).sum(), terms=pairs.terms)


def cosine_similarities(x_AH: Tensor, y_CH: Tensor) -> Tensor:
    """Cosines of all rows of ``x_AH`` [A, H] with all rows of ``y_CH`` [C, H], float32 [A, C]."""
    return F.normalize(x_AH.float(), dim=1) @ F.normalize(y_CH.float(), dim=1).T


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
