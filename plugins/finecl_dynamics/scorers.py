"""Scorers that read every epoch of the proxy's training. All skip the epochs in which an instance was not shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.types import Bools, Dynamics, Floats
from finecl_dynamics.bases import DynamicsScorer
from finecl_dynamics.ranks import Doubles


@dataclass(frozen=True, kw_only=True)
class SmallLoss(DynamicsScorer):
    """Noise = the mean loss over epochs, in nats: a network fits clean labels first.

    Huang et al., O2U-Net, ICCV 2019, without its cyclical learning rate and its centring of every epoch.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Mean loss ``[N]``, in nats, >= 0."""
        return _mean(dynamics.loss, shown_EN)


@dataclass(frozen=True, kw_only=True)
class AreaUnderMargin(DynamicsScorer):
    """Noise = minus the mean margin over epochs, in logits (Pleiss et al., NeurIPS 2020).

    Without the threshold samples by which they cut: where to cut is the weighting's concern.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Minus the area under the margin ``[N]``, in logits; below 0 where the label leads on average."""
        return -_mean(dynamics.margin, shown_EN)


@dataclass(frozen=True, kw_only=True)
class Confidence(DynamicsScorer):
    """Noise = 1 - the mean probability of the label over epochs (data maps, Swayamdipta et al., EMNLP 2020)."""

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """1 - mean confidence ``[N]``, in [0, 1]."""
        return 1.0 - _mean(dynamics.confidence, shown_EN)


@dataclass(frozen=True, kw_only=True)
class Variability(DynamicsScorer):
    """Noise = the standard deviation of the label's probability over epochs (Swayamdipta et al., EMNLP 2020).

    It finds what is ambiguous. A wrong label that is never believed varies little, so that this alone does not find
    it: in data maps such a label is one of low ``confidence`` and low variability.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Standard deviation of the confidence ``[N]``, in [0, 1/2], over the epochs as a population."""
        mean = _mean(dynamics.confidence, shown_EN)
        squares = np.zeros(len(mean), dtype=np.float64)
        for confidence, shown in zip(dynamics.confidence, shown_EN, strict=True):
            squares += np.where(shown, (confidence - mean) ** 2, 0.0)
        deviation: Doubles = np.sqrt(squares / np.maximum(1, shown_EN.sum(axis=0)))
        return deviation


@dataclass(frozen=True, kw_only=True)
class Forgetting(DynamicsScorer):
    """Noise = how often a label that was right is wrong when next shown; +inf if it never was right.

    Toneva et al., ICLR 2019, who too sort what was never learned after all that was.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Forgetting events ``[N]``: 0, 1, ..., or +inf."""
        before = np.zeros(shown_EN.shape[1], dtype=np.bool_)
        events = np.zeros(len(before), dtype=np.float64)
        for correct, shown in zip(dynamics.correct, shown_EN, strict=True):
            events += shown & before & ~correct
            before = np.where(shown, correct, before)
        return np.where((dynamics.correct & shown_EN).any(axis=0), events, np.inf)


def _mean(column_EN: Floats, shown_EN: Bools) -> Doubles:
    """The mean over the epochs that were shown ``[N]``, 0 where none was; an epoch at a time, to spare memory."""
    total = np.zeros(column_EN.shape[1], dtype=np.float64)
    for row, shown in zip(column_EN, shown_EN, strict=True):
        total += np.where(shown, row, 0.0)
    means: Doubles = total / np.maximum(1, shown_EN.sum(axis=0))
    return means
