"""Weightings of noise from any scorer; weight 0 drops an instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finecl.types import Floats
from finecl_dynamics.bases import Weights, check_range
from finecl_dynamics.ranks import Doubles, rank_shares


@dataclass(frozen=True, kw_only=True)
class Linear(Weights):
    """Weight falls linearly from 1 at the lowest noise to ``least`` at the highest finite noise.

    Noise of +inf gets ``least`` too; if all noise is equal, every weight is 1. ``least`` = 0 drops the noisiest.
    """

    least: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("least", self.least, 0.0, 1.0)

    def curve(self, noise: Floats) -> Doubles:
        """Computes one weight per instance ``[N]``, in [least, 1]."""
        finite = noise[np.isfinite(noise)].astype(np.float64)
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
        if low < high:
            share = (np.clip(noise.astype(np.float64), low, high) - low) / (high - low)
        else:  # at most one finite value: only distinguishes finite from infinite noise
            share = (np.isposinf(noise) & ~np.isposinf(noise).all()).astype(np.float64)
        weights: Doubles = 1.0 - (1.0 - self.least) * share
        return weights


@dataclass(frozen=True, kw_only=True)
class Confident(Weights):
    """Weight = 1 - noise if all finite noise lies in [0, 1], else 1 - its rank share; +inf gets confidence 0.

    With the scorer ``confidence`` the weight is the mean confidence; with a ``fair`` scorer, 1 - the rank share within
    the relation; with noise on another scale, such as losses or orders, that of ``rank``, except for +inf. With WCL's
    scorer ``softmax-confidence`` it is WCL's weighting.
    ``scale``: the weight is this confidence ("linear") or e to its power ("exp"), as FineCL's re-implementation of WCL
    probably does.
    """

    scale: Literal["linear", "exp"] = "linear"

    def curve(self, noise: Floats) -> Doubles:
        """Computes one weight per instance ``[N]``, in [0, 1], or in [1, e] for "exp"."""
        finite = noise[~np.isposinf(noise)]
        within = bool(((finite >= 0) & (finite <= 1)).all())
        share = noise.astype(np.float64) if within else rank_shares(noise)
        confidence = np.where(np.isposinf(noise), 0.0, 1.0 - share)
        return np.exp(confidence) if self.scale == "exp" else confidence


@dataclass(frozen=True, kw_only=True)
class Hard(Weights):
    """Weight 1 for the cleanest ``share`` and for ties with the last of them; 0 for the others.

    Noise of +inf gets weight 1 only if ``share`` is 1, or if all noise is +inf.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("share", self.share, 0.0, 1.0, exclusive=True)

    def curve(self, noise: Floats) -> Doubles:
        """Computes 0 or 1 for each instance ``[N]``."""
        count = max(1, round(self.share * len(noise)))
        limit = np.sort(noise)[count - 1] if len(noise) else np.inf
        infinite = np.isposinf(noise)
        dropped = (noise > limit) | (infinite & (self.share < 1 and not infinite.all()))
        return np.where(dropped, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Rank(Weights):
    """Weight = 1 - the share of instances that are cleaner, equally clean ones counting half: 1/2 on average."""

    def curve(self, noise: Floats) -> Doubles:
        """Computes one weight per instance ``[N]``, within (0, 1)."""
        return 1.0 - rank_shares(noise)


@dataclass(frozen=True, kw_only=True)
class StepDecay(Weights):
    """Weight = ``decay`` ^ k of the learning order k = 0, 1, 2, ...; 0 for +inf (never learned).

    Other noise is converted to an order: rounded down, and 0 if negative.
    """

    decay: float = 0.85

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("decay", self.decay, 0.0, 1.0, exclusive=True)

    def curve(self, noise: Floats) -> Doubles:
        """Computes one weight per instance ``[N]``, in [0, 1]."""
        weights: Doubles = self.decay ** np.floor(np.maximum(noise, 0.0)).astype(np.float64)
        return np.where(np.isposinf(noise), 0.0, weights)
