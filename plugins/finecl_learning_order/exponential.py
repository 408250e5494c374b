"""From noise to weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from finecl.types import Floats


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """Weight = alpha^((max - k) / (max - min)) of noise k (paper, section 3.3): alpha for the cleanest, 1 for the
    noisiest. Where all are equally noisy nothing is known, and every weight is 1.

    ``clamp``: noise of at least this much counts as ``max``; the release has 5 on epochs counted from 0, while
    max - min stays that of all (row 13 of docs/fidelity.md). None, the paper's k = 15, does not clamp.
    ``unlearned``: noise of +inf weighs as ``max`` does (the paper: the last subset), or is dropped (the release).
    ``no_relation``: the exponent of a pair without a silver label; the paper gives it no weight of its own, the
    release has 0.5.
    """

    alpha: float = math.e
    clamp: float | None = None
    unlearned: Literal["last", "drop"] = "last"
    no_relation: float = 0.0

    @property
    def unscored(self) -> float:
        """The weight of a pair with no silver label."""
        return float(self.alpha**self.no_relation)

    def weigh(self, noise: Floats) -> Floats:
        """One weight an instance ``[N]``, in [1, alpha], or 0 for dropped ones."""
        exponent = self._exponent(noise.astype(np.float64))
        clamped = exponent if self.clamp is None else np.where(noise >= self.clamp, 0.0, exponent)
        dropped = np.isposinf(noise) & (self.unlearned == "drop")
        return np.where(dropped, 0.0, self.alpha**clamped).astype(np.float32)

    def _exponent(self, noise: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(max - k) / (max - min), in [0, 1]; with one order only, whether it was learned is all that is known."""
        finite = noise[np.isfinite(noise)]
        unlearned = np.isposinf(noise)
        if not len(finite) or finite.min() == finite.max():
            return (unlearned.any() & ~unlearned).astype(np.float64)
        least, most = finite.min(), finite.max()
        exponent: npt.NDArray[np.float64] = (most - np.clip(noise, least, most)) / (most - least)
        return exponent


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Every weight is 1: with it FineCL is ERICA."""

    @property
    def unscored(self) -> float:
        """The weight of a pair with no silver label."""
        return 1.0

    def weigh(self, noise: Floats) -> Floats:
        """Ones ``[N]``."""
        return np.ones(len(noise), dtype=np.float32)
