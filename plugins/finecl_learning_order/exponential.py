"""Weightings of FineCL and ERICA: exponential in the noise, and uniform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Interval

from finecl.types import Floats


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """Weight = alpha^((max - k) / (max - min)) of noise k (paper, section 3.3).

    The cleanest instance gets alpha, the noisiest 1. If all noise is equal, every weight is 1.
    ``clamp``: noise of at least this value gets the weight of ``max``; max - min remains that of all noise. The release
    uses 5 with epochs counted from 0 (row 13 of docs/fidelity.md). None, the paper's k = 15, does not clamp.
    ``unlearned``: noise of +inf gets the weight of ``max`` ("last", the paper) or 0 ("drop", the release).
    ``no_relation``: the exponent for a pair without a silver label; the paper specifies no such weight, the release
    uses 0.5.
    """

    alpha: Annotated[float, Ge(1)] = math.e
    clamp: float | None = None
    unlearned: Literal["last", "drop"] = "last"
    no_relation: Annotated[float, Interval(ge=0, le=1)] = 0.0

    @property
    def unscored(self) -> float:
        """Weight of a pair without a silver label."""
        return float(self.alpha**self.no_relation)

    def weigh(self, noise: Floats) -> Floats:
        """Returns one weight per instance ``[N]``, in [1, alpha], or 0 for dropped instances."""
        exponent = self._exponent(noise.astype(np.float64))
        clamped = exponent if self.clamp is None else np.where(noise >= self.clamp, 0.0, exponent)
        dropped = np.isposinf(noise) & (self.unlearned == "drop")
        return np.where(dropped, 0.0, self.alpha**clamped).astype(np.float32)

    def _exponent(self, noise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Computes (max - k) / (max - min); if all finite noise is equal: 1 for finite noise beside +inf, else 0."""
        finite = noise[np.isfinite(noise)]
        unlearned = np.isposinf(noise)
        if not len(finite) or finite.min() == finite.max():
            return (unlearned.any() & ~unlearned).astype(np.float64)
        least, most = finite.min(), finite.max()
        exponent: npt.NDArray[np.float64] = (most - np.clip(noise, least, most)) / (most - least)
        return exponent


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Every weight is 1: turns FineCL into ERICA."""

    @property
    def unscored(self) -> float:
        """Weight of a pair without a silver label."""
        return 1.0

    def weigh(self, noise: Floats) -> Floats:
        """Returns ones ``[N]``."""
        return np.ones(len(noise), dtype=np.float32)
