"""From noise to weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from finecl.types import Floats


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """Weight = alpha^((max - k) / (max - min)) of noise k (paper, section 3.3): alpha for the cleanest, 1 for the
    noisiest. Where all are equally noisy nothing is known, and every weight is 1.

    ``clamp``: noise of at least this much counts as ``max``; the release has 5 on epochs counted from 0, while
    max - min stays that of all (facts, row 13). None, the paper's k = 15, does not clamp.
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
        finite = noise[np.isfinite(noise)]
        if not len(finite) or (finite.min() == finite.max() and len(finite) == len(noise)):
            return np.ones(len(noise), dtype=np.float32)
        least, most = float(finite.min()), float(finite.max())
        noise64 = np.clip(noise.astype(np.float64), least, most)
        clamped = noise64 if self.clamp is None else np.where(noise64 >= self.clamp, most, noise64)
        weights = self.alpha ** ((most - clamped) / max(most - least, np.finfo(float).tiny))
        return np.where(np.isposinf(noise) & (self.unlearned == "drop"), 0.0, weights).astype(np.float32)


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
