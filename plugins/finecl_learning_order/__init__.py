"""FineCL (Hogan, Li and Shang, EMNLP 2022): labels that a model learns early are likely correct."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods, Scorers, Weightings


@hookimpl
def noise_scorers() -> Scorers:
    """Returns learning order."""
    from finecl_learning_order.scorer import LearningOrder

    return {"learning-order": LearningOrder}


@hookimpl
def weightings() -> Weightings:
    """Returns the paper's exponential weighting and the uniform weighting."""
    from finecl_learning_order.exponential import Exponential, Uniform

    return {"exp": Exponential, "uniform": Uniform}


@hookimpl
def methods() -> Methods:
    """Returns FineCL as described in the paper."""
    from finecl.types import Method

    return {
        "finecl": Method(
            scorer="learning-order",
            weighting="exp",
            objectives=((1.0, "entity-discrimination"), (1.0, "relation-discrimination")),
            summary="learning-order weights on ERICA's entity and relation discrimination",
            citation="Hogan, Li and Shang. Fine-grained Contrastive Learning for Relation Extraction. EMNLP 2022.",
        )
    }
