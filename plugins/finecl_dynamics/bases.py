"""What the scorers share, and what the weightings share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Bools, Dynamics, DynamicsMode, Evidence, Floats, Instances
from finecl_dynamics.ranks import Doubles, fair_shares


@dataclass(frozen=True, kw_only=True)
class DynamicsScorer(ABC):
    """What the scorers share: which epochs they read, and how they treat relations.

    ``mode``: the predictions of the training passes ("batch") or of a pass at each epoch's end ("epoch").
    ``epochs``: only so many first epochs are read; None reads all.
    ``fair``: noise is its rank share among the instances of its relation, within (0, 1), so that a relation is not
    called noise for being rare or hard. What was never shown keeps +inf and is ranked nowhere.
    """

    mode: DynamicsMode = "batch"
    epochs: int | None = None
    fair: bool = False

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise SettingsError(f"scorer.epochs: expected at least 1, or none for all, got {self.epochs}")

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """The noise of each instance ``[N]``, +inf for what was shown in none of the epochs.

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
        """The noise of each instance ``[N]``; of what was never shown, anything but NaN."""


@dataclass(frozen=True, kw_only=True)
class Weights(ABC):
    """What the weightings share. ``no_relation``: the weight of a pair without a silver label."""

    no_relation: float = 1.0

    def __post_init__(self) -> None:
        check("no_relation", self.no_relation, 0.0, math.inf)

    @property
    def unscored(self) -> float:
        """The weight of a pair with no silver label."""
        return self.no_relation

    def weigh(self, noise: Floats) -> Floats:
        """One weight an instance ``[N]``, float32."""
        return self.curve(noise).astype(np.float32)

    @abstractmethod
    def curve(self, noise: Floats) -> Doubles:
        """One weight an instance ``[N]``, never rising with noise."""


def check(name: str, value: float, least: float, most: float, *, above: bool = False) -> None:
    """Passes a finite setting from ``least`` to ``most``; ``above`` leaves ``least`` itself out.

    Raises:
        SettingsError: names the setting, its limits and what came.
    """
    if least <= value <= most and math.isfinite(value) and not (above and value == least):
        return
    begin = f"{'above' if above else 'from'} {least:g}"
    raise SettingsError(f"weighting.{name}: expected a finite number {begin} to {most:g}, got {value}")
