"""A weighting by the probability that a label is right, from a mixture model of the noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.types import Floats
from finecl_dynamics.bases import Weights, check_range
from finecl_dynamics.ranks import Doubles, rank_shares

_ROUNDS = 500  # of expectation-maximisation, at most
_CONVERGED = 1e-6  # change of the probabilities, at most
_LEAST_VARIANCE = 1e-4  # of noise scaled to [0, 1]


@dataclass(frozen=True, kw_only=True)
class Posterior(Weights):
    """Weight = the probability that a label is right, given its noise.

    The noise of right and of wrong labels is modelled by two Gaussians with the same variance, fitted by
    expectation-maximisation (DivideMix, Li, Socher and Hoi, ICLR 2020, fits two Gaussians to losses). With the same
    variance the probability never rises with noise. Infinite noise counts as one step beyond the finite noise: as 1 for
    integer noise, such as a learning order, else as 0. If all noise is equal, every weight is 1.
    ``least``: weights below it become 0, which drops labels that are likely wrong.
    """

    least: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("least", self.least, 0.0, 1.0)

    def curve(self, noise: Floats) -> Doubles:
        """Computes one weight per instance ``[N]``, in [0, 1]."""
        right = probability_right(noise)
        return np.where(right < self.least, 0.0, right)


def probability_right(noise: Floats) -> Doubles:
    """Returns the probability that each label is right ``[N]``, by a mixture of two Gaussians."""
    scaled = _scaled(noise)
    if len(scaled) == 0 or scaled.min() == scaled.max():
        return np.ones(len(scaled))
    right = 1.0 - rank_shares(scaled.astype(np.float32))
    for _ in range(_ROUNDS):
        before, right = right, _expectation(scaled, right)
        if np.abs(right - before).max() < _CONVERGED:
            break
    order = np.argsort(scaled, kind="stable")
    right[order] = np.minimum.accumulate(right[order])  # where the means have crossed or numbers are rounded
    return right


def _expectation(scaled: Doubles, right: Doubles) -> Doubles:
    """Fits both Gaussians to these probabilities and returns the new ones."""
    share = np.clip(right.mean(), 1e-6, 1 - 1e-6)
    of_right = (right * scaled).sum() / (share * len(scaled))
    of_wrong = ((1 - right) * scaled).sum() / ((1 - share) * len(scaled))
    squares = right * (scaled - of_right) ** 2 + (1 - right) * (scaled - of_wrong) ** 2
    variance = max(_LEAST_VARIANCE, float(squares.mean()))
    log_odds = np.log(share / (1 - share)) + ((scaled - of_wrong) ** 2 - (scaled - of_right) ** 2) / (2 * variance)
    posterior: Doubles = 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    return posterior


def _scaled(noise: Floats) -> Doubles:
    """Returns noise scaled to [0, 1], with infinite values one step beyond the finite ones."""
    values = noise.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    step = float(bool(np.all(finite == np.round(finite))))
    values = np.where(np.isposinf(values), high + step, np.where(np.isneginf(values), low - step, values))
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    return (values - low) / (high - low) if low < high else np.zeros(len(values))
