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
    """Returns FineCL as described in the paper, and a stricter variant."""
    from finecl.types import Method

    return {
        "finecl": Method(
            scorer="learning-order",
            weighting="exp",
            objectives=((1.0, "entity-discrimination"), (1.0, "relation-discrimination")),
            summary="learning-order weights on ERICA's entity and relation discrimination",
            citation="Hogan, Li and Shang. Fine-grained Contrastive Learning for Relation Extraction. EMNLP 2022.",
        ),
        "finecl-strict": Method(
            scorer="confidence",
            weighting="posterior",
            objectives=((1.0, "relation-discrimination"),),
            summary="relation discrimination weighted by the probability of each label, positives sampled by weight",
            citation="finecl's own: FineCL's idea with the weights of a mixture model of the proxy's confidence. "
            "Not a method of the paper.",
            settings={
                "objective.relation-discrimination.mate": "weighted",
            },
        ),
    }
