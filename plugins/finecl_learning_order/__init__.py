"""FineCL (Hogan, Li and Shang, EMNLP 2022): what a model learns first is likely labelled right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods, Scorers, Weightings


@hookimpl
def noise_scorers() -> Scorers:
    """Learning order."""
    from finecl_learning_order.scorer import LearningOrder

    return {"learning-order": LearningOrder}


@hookimpl
def weightings() -> Weightings:
    """The paper's exponential weighting, and the one that weighs nothing."""
    from finecl_learning_order.exponential import Exponential, Uniform

    return {"exp": Exponential, "uniform": Uniform}


@hookimpl
def methods() -> Methods:
    """FineCL as the paper describes it."""
    from finecl.types import Method

    return {
        "finecl": Method(
            scorer="learning-order",
            weighting="exp",
            objectives=((1.0, "entity-discrimination"), (1.0, "relation-discrimination")),
            summary="learning-order weights on ERICA's two discriminations",
            citation="Hogan, Li and Shang. Fine-grained Contrastive Learning for Relation Extraction. EMNLP 2022.",
        )
    }
