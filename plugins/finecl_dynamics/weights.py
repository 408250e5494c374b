"""From noise to weight. Weight 0 drops an instance; none of these needs to know which scorer made the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finecl.types import Floats
from finecl_dynamics.bases import Weights, check
from finecl_dynamics.ranks import Doubles, rank_shares


@dataclass(frozen=True, kw_only=True)
class Linear(Weights):
    """Weight falls in a straight line from 1 at the least noise to ``least`` at the highest finite one.

    Noise of +inf weighs as the highest does; equal noise weighs 1, since nothing is known. ``least`` = 0 drops.
    """

    least: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check("least", self.least, 0.0, 1.0)

    def curve(self, noise: Floats) -> Doubles:
        """One weight an instance ``[N]``, in [least, 1]."""
        finite = noise[np.isfinite(noise)].astype(np.float64)
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
        if low < high:
            share = (np.clip(noise.astype(np.float64), low, high) - low) / (high - low)
        else:  # one order at most: whether it looked clean at all is what is known
            share = (np.isposinf(noise) & ~np.isposinf(noise).all()).astype(np.float64)
        weights: Doubles = 1.0 - (1.0 - self.least) * share
        return weights


@dataclass(frozen=True, kw_only=True)
class Confident(Weights):
    """Weight = 1 - noise where all finite noise lies in [0, 1], else 1 - its rank share; +inf counts as noise 1.

    With the scorer ``confidence`` that is the mean confidence itself; with a ``fair`` one it is 1 - the share within
    the relation; with noise of another scale, as losses or orders, it is what ``rank`` gives. With WCL's scorer
    ``softmax-confidence`` it is WCL's weighting.
    ``scale``: that confidence itself, or e to its power, as FineCL's re-implementation of WCL probably has it.
    """

    scale: Literal["linear", "exp"] = "linear"

    def curve(self, noise: Floats) -> Doubles:
        """One weight an instance ``[N]``, in [0, 1], or in [1, e]."""
        finite = noise[~np.isposinf(noise)]
        within = bool(((finite >= 0) & (finite <= 1)).all())
        share = noise.astype(np.float64) if within else rank_shares(noise)
        confidence = np.where(np.isposinf(noise), 0.0, 1.0 - share)
        return np.exp(confidence) if self.scale == "exp" else confidence


@dataclass(frozen=True, kw_only=True)
class Hard(Weights):
    """Weight 1 for the cleanest ``share`` and for those as clean as the last of them; the others are dropped.

    Noise of +inf is kept only if ``share`` is 1, or if there is no other.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check("share", self.share, 0.0, 1.0, above=True)

    def curve(self, noise: Floats) -> Doubles:
        """0 or 1 for each instance ``[N]``."""
        kept = max(1, round(self.share * len(noise)))
        limit = np.sort(noise)[kept - 1] if len(noise) else np.inf
        infinite = np.isposinf(noise)
        dropped = (noise > limit) | (infinite & (self.share < 1 and not infinite.all()))
        return np.where(dropped, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Rank(Weights):
    """Weight = 1 - the share of instances that are cleaner, those as clean counting half: 1/2 on average."""

    def curve(self, noise: Floats) -> Doubles:
        """One weight an instance ``[N]``, within (0, 1)."""
        return 1.0 - rank_shares(noise)


@dataclass(frozen=True, kw_only=True)
class StepDecay(Weights):
    """Weight = ``decay`` ^ k of the learning order k = 0, 1, 2, ...; +inf, never learned, is dropped.

    Noise that is no order is cut to one: rounded down, and 0 where it is below 0.
    """

    decay: float = 0.85

    def __post_init__(self) -> None:
        super().__post_init__()
        check("decay", self.decay, 0.0, 1.0, above=True)

    def curve(self, noise: Floats) -> Doubles:
        """One weight an instance ``[N]``, in [0, 1]."""
        weights: Doubles = self.decay ** np.floor(np.maximum(noise, 0.0)).astype(np.float64)
        return np.where(np.isposinf(noise), 0.0, weights)
