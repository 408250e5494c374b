"""Scorers on all epochs of the proxy's training; each skips the epochs that did not show an instance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.types import Bools, Dynamics, Floats
from finecl_dynamics.bases import DynamicsScorer
from finecl_dynamics.ranks import Doubles


@dataclass(frozen=True, kw_only=True)
class SmallLoss(DynamicsScorer):
    """Noise = the mean loss over epochs, in nats: a network fits clean labels first.

    Huang et al., O2U-Net, ICCV 2019, without its cyclical learning rate and without centring each epoch.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Computes the mean loss ``[N]``, in nats, >= 0."""
        return _mean(dynamics.loss, shown_EN)


@dataclass(frozen=True, kw_only=True)
class AreaUnderMargin(DynamicsScorer):
    """Noise = minus the mean margin over epochs, in logits (Pleiss et al., NeurIPS 2020).

    Without their threshold samples: the weighting sets the threshold.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Computes minus the area under the margin ``[N]``, in logits; negative if the label leads on average."""
        return -_mean(dynamics.margin, shown_EN)


@dataclass(frozen=True, kw_only=True)
class Confidence(DynamicsScorer):
    """Noise = 1 - the mean probability of the label over epochs (data maps, Swayamdipta et al., EMNLP 2020)."""

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Computes 1 - mean confidence ``[N]``, in [0, 1]."""
        return 1.0 - _mean(dynamics.confidence, shown_EN)


@dataclass(frozen=True, kw_only=True)
class Variability(DynamicsScorer):
    """Noise = the standard deviation of the label's probability over epochs (Swayamdipta et al., EMNLP 2020).

    Detects ambiguous labels. A wrong label whose probability stays low varies little, so this scorer alone does not
    detect it: in data maps such a label has low ``confidence`` and low variability.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Computes the population standard deviation of the confidence over epochs ``[N]``, in [0, 1/2]."""
        mean = _mean(dynamics.confidence, shown_EN)
        squares = np.zeros(len(mean), dtype=np.float64)
        for confidence, shown in zip(dynamics.confidence, shown_EN, strict=True):
            squares += np.where(shown, (confidence - mean) ** 2, 0.0)
        deviation: Doubles = np.sqrt(squares / np.maximum(1, shown_EN.sum(axis=0)))
        return deviation


@dataclass(frozen=True, kw_only=True)
class Forgetting(DynamicsScorer):
    """Noise = the number of times that a correct prediction is wrong when next shown; +inf if it was never correct.

    Toneva et al., ICLR 2019, who also rank unlearned instances last.
    """

    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Counts forgetting events ``[N]``: 0, 1, ..., or +inf."""
        before = np.zeros(shown_EN.shape[1], dtype=np.bool_)
        events = np.zeros(len(before), dtype=np.float64)
        for correct, shown in zip(dynamics.correct, shown_EN, strict=True):
            events += shown & before & ~correct
            before = np.where(shown, correct, before)
        return np.where((dynamics.correct & shown_EN).any(axis=0), events, np.inf)


def _mean(column_EN: Floats, shown_EN: Bools) -> Doubles:
    """Computes the mean over the epochs that showed an instance ``[N]``, 0 if none did; by epoch to save memory."""
    total = np.zeros(column_EN.shape[1], dtype=np.float64)
    for row, shown in zip(column_EN, shown_EN, strict=True):
        total += np.where(shown, row, 0.0)
    means: Doubles = total / np.maximum(1, shown_EN.sum(axis=0))
    return means
