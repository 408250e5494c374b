"""The probability that a label is right, given its noise: a mixture of two Gaussians."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_ROUNDS = 500  # of expectation-maximisation, at most
_CONVERGED = 1e-6  # change of the probabilities, at most
_LEAST_VARIANCE = 1e-4  # of noise scaled to [0, 1]


def probability_right(noise: npt.NDArray[np.floating[Any]]) -> Doubles:
    """Returns the probability that each label is right ``[N]``, by a mixture of two Gaussians."""
    scaled = _scaled(noise)
    if len(scaled) == 0 or scaled.min() == scaled.max():
        return np.ones(len(scaled))
    right = 1.0 - _rank_shares(scaled)
    for _ in range(_ROUNDS):
        before, right = right, _expectation(scaled, right)
        if np.abs(right - before).max() < _CONVERGED:
            break
    order = np.argsort(scaled, kind="stable")
    right[order] = np.minimum.accumulate(right[order])  # where the means have crossed or numbers are rounded
    return right


def _rank_shares(values: Doubles) -> Doubles:
    """Returns the share of smaller values plus half the share of equal ones ``[N]``."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    shares: Doubles = ((np.cumsum(counts) - counts / 2) / len(values))[inverse]
    return shares


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


def _scaled(noise: npt.NDArray[np.floating[Any]]) -> Doubles:
    """Returns noise scaled to [0, 1], with infinite values one step beyond the finite ones."""
    values = noise.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    step = float(bool(np.all(finite == np.round(finite))))
    values = np.where(np.isposinf(values), high + step, np.where(np.isneginf(values), low - step, values))
    low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
    return (values - low) / (high - low) if low < high else np.zeros(len(values))
