"""A weighting by the probability that a label is right, from a mixture model of the noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.numerics.mixture import probability_right
from finecl.types import Floats
from finecl_dynamics.bases import Weights, check_range
from finecl_dynamics.ranks import Doubles


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
