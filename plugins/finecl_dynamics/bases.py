"""Base classes of the scorers and the weightings."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Bools, Dynamics, DynamicsMode, Evidence, Floats, Instances, NoiseScorer
from finecl_dynamics.ranks import Doubles, fair_shares


@dataclass(frozen=True, kw_only=True)
class DynamicsScorer(NoiseScorer, ABC):
    """Selects the epochs to read and optionally normalises noise within each relation.

    ``mode``: the predictions of the training passes ("batch") or of an evaluation pass after each epoch ("epoch").
    ``epochs``: number of first epochs to read; None reads all.
    ``fair``: replaces noise by its rank share among the instances of the same relation, within (0, 1), so that rare or
    hard relations do not get higher noise. Instances that were never shown keep +inf and are not ranked.
    """

    mode: DynamicsMode = "batch"
    epochs: int | None = None
    fair: bool = False

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise SettingsError(f"scorer.epochs: expected at least 1, or none for all, got {self.epochs}")

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the noise of each instance ``[N]``; +inf for instances that no epoch showed.

        Raises:
            TrainingError: the dynamics of this mode were not recorded.
        """
        recorded = evidence.dynamics(self.mode)
        dynamics = Dynamics(**{name: column[: self.epochs] for name, column in recorded.columns().items()})
        shown_EN = np.isfinite(dynamics.loss)
        noise = self.noise(dynamics, shown_EN).astype(np.float32)
        known = shown_EN.any(axis=0)
        if self.fair:
            noise[known] = fair_shares(noise[known], instances.relation[known])
        noise[~known] = np.inf
        return noise

    @abstractmethod
    def noise(self, dynamics: Dynamics, shown_EN: Bools) -> Doubles:
        """Computes the noise of each instance ``[N]``; any value but NaN for instances that were never shown."""


@dataclass(frozen=True, kw_only=True)
class Weights(ABC):
    """Checks and casts weights. ``no_relation``: the weight of a pair without a silver label."""

    no_relation: float = 1.0

    def __post_init__(self) -> None:
        check_range("no_relation", self.no_relation, 0.0, math.inf)

    @property
    def unscored(self) -> float:
        """Weight of a pair without a silver label."""
        return self.no_relation

    def weigh(self, noise: Floats) -> Floats:
        """Returns one weight per instance ``[N]``, float32."""
        return self.curve(noise).astype(np.float32)

    @abstractmethod
    def curve(self, noise: Floats) -> Doubles:
        """Computes one weight per instance ``[N]``, non-increasing in noise."""


def check_range(name: str, value: float, least: float, most: float, *, exclusive: bool = False) -> None:
    """Checks that a setting is finite and in [least, most], or in (least, most] if ``exclusive``.

    Raises:
        SettingsError: the setting is outside; names it, its range and its value.
    """
    if least <= value <= most and math.isfinite(value) and not (exclusive and value == least):
        return
    limits = f"{'>' if exclusive else '>='} {least:g}" + (f" and <= {most:g}" if math.isfinite(most) else "")
    raise SettingsError(f"weighting.{name}: expected a finite number {limits}, got {value}")
