"""Noise scorers on the proxy's whole training dynamics, neighbours and files, ensembles, and further weightings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Scorers, Weightings


@hookimpl
def noise_scorers() -> Scorers:
    """Returns scorers on training dynamics, neighbours, held-out predictions and files, and their ensemble."""
    from finecl_dynamics.confident_learning import ConfidentLearning
    from finecl_dynamics.ensemble import Ensemble
    from finecl_dynamics.neighbours import Neighbours
    from finecl_dynamics.scorers import AreaUnderMargin, Confidence, Forgetting, SmallLoss, Variability
    from finecl_dynamics.table import File
    from finecl_dynamics.trigger import Trigger
    from finecl_dynamics.verbalization import Verbalization

    return {
        "small-loss": SmallLoss,
        "area-under-margin": AreaUnderMargin,
        "confidence": Confidence,
        "variability": Variability,
        "forgetting": Forgetting,
        "knn": Neighbours,
        "confident-learning": ConfidentLearning,
        "verbalization": Verbalization,
        "trigger": Trigger,
        "ensemble": Ensemble,
        "file": File,
    }


@hookimpl
def weightings() -> Weightings:
    """Returns weightings by noise value, rank, integer steps, a threshold or a mixture model."""
    from finecl_dynamics.posterior import Posterior
    from finecl_dynamics.weights import Confident, Hard, Linear, Rank, StepDecay

    return {
        "linear": Linear,
        "confidence": Confident,
        "hard": Hard,
        "rank": Rank,
        "step-decay": StepDecay,
        "posterior": Posterior,
    }
