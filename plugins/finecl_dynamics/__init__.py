"""Noise scorers that read a whole training rather than its first success, scores from a file, and more weightings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Scorers, Weightings


@hookimpl
def noise_scorers() -> Scorers:
    """Readings of the recorded dynamics, of neighbours and of held-out predictions, several together, or a file's."""
    from finecl_dynamics.confident_learning import ConfidentLearning
    from finecl_dynamics.ensemble import Ensemble
    from finecl_dynamics.neighbours import Neighbours
    from finecl_dynamics.scorers import AreaUnderMargin, Confidence, Forgetting, SmallLoss, Variability
    from finecl_dynamics.table import File

    return {
        "small-loss": SmallLoss,
        "area-under-margin": AreaUnderMargin,
        "confidence": Confidence,
        "variability": Variability,
        "forgetting": Forgetting,
        "knn": Neighbours,
        "confident-learning": ConfidentLearning,
        "ensemble": Ensemble,
        "file": File,
    }


@hookimpl
def weightings() -> Weightings:
    """From noise to weight by value, by rank, by whole steps, or all or nothing."""
    from finecl_dynamics.weights import Confident, Hard, Linear, Rank, StepDecay

    return {"linear": Linear, "confidence": Confident, "hard": Hard, "rank": Rank, "step-decay": StepDecay}
