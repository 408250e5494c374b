"""WCL's weighting: confidence itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Floats


@dataclass(frozen=True, kw_only=True)
class Confident:
    """Weight = 1 - noise where all finite noise lies in [0, 1]; noise of another scale, as losses or orders, is put
    there by its rank first: the share of instances that are cleaner. +inf counts as noise 1.

    ``scale``: "linear", or "exp": e to the power of that, as FineCL's re-implementation of WCL probably has it.
    ``no_relation``: the confidence of a pair without a silver label.
    """

    scale: Literal["linear", "exp"] = "linear"
    no_relation: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.no_relation <= 1:
            raise SettingsError(f"weighting.no_relation: expected a confidence from 0 to 1, got {self.no_relation}")

    @property
    def unscored(self) -> float:
        """The weight of a pair with no silver label."""
        return float(np.exp(self.no_relation)) if self.scale == "exp" else self.no_relation

    def weigh(self, noise: Floats) -> Floats:
        """One weight an instance ``[N]``: in [0, 1], or in [1, e]."""
        infinite = np.isposinf(noise)
        finite = noise[~infinite]
        within = bool(((finite >= 0) & (finite <= 1)).all())
        share = np.where(infinite, 1.0, noise) if within else _rank_shares(noise)
        confidence = 1.0 - share.astype(np.float64)
        return (np.exp(confidence) if self.scale == "exp" else confidence).astype(np.float32)


def _rank_shares(noise: Floats) -> Floats:
    """The share of instances that are cleaner than each, those as clean counting half ``[N]``; +inf has 1."""
    _, inverse, counts = np.unique(noise, return_inverse=True, return_counts=True)
    shares = ((np.cumsum(counts) - counts / 2) / max(1, len(noise)))[inverse]
    return np.where(np.isposinf(noise), 1.0, shares).astype(np.float32)
