"""Scores of noise scorers: how well noise separates wrong labels from right ones."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.metrics import average_precision_score, roc_auc_score

from finecl.metrics.counts import dense_ranks, share_of_highest
from finecl.types import Bools, Floats


@dataclass(frozen=True, kw_only=True)
class NoiseScores:
    """Detection of wrong labels by their noise; None if all labels are wrong or all are correct.

    ``precision_at_10_percent`` is the share of wrong labels among the noisiest tenth.
    """

    auroc: float | None
    average_precision: float | None
    precision_at_10_percent: float | None


def noise_scores(noise: Floats, wrong: Bools) -> NoiseScores:
    """Computes the scores of a noise scorer from ranks only: +inf is the noisiest, equal noise shares a rank.

    *Shape:* ``noise``, ``wrong`` [N]; ``wrong`` is True where the text does not state the label's relation.
    """
    if wrong.all() or not wrong.any():
        return NoiseScores(auroc=None, average_precision=None, precision_at_10_percent=None)
    ranks = dense_ranks(noise)
    return NoiseScores(
        auroc=float(roc_auc_score(wrong, ranks)),
        average_precision=float(average_precision_score(wrong, ranks)),
        precision_at_10_percent=share_of_highest(ranks, wrong, max(1, round(len(ranks) / 10))),
    )
