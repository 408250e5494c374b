"""CP, "contextualised relation representations by contrast" (Peng et al., EMNLP 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods, Objectives


@hookimpl
def objectives() -> Objectives:
    """Returns CP's relation contrast."""
    from finecl_cp.relation_contrast import RelationContrast

    return {"relation-contrast": RelationContrast}


@hookimpl
def methods() -> Methods:
    """Returns CP as trained in its release."""
    from finecl.types import Method

    return {
        "cp": Method(
            scorer=None,
            weighting="uniform",
            objectives=((1.0, "relation-contrast"),),
            input_format="marked-sentences",
            blanking=0.7,
            summary="contrast of sentences by relation, 70% of the mentions replaced by a blank",
            citation="Peng et al. Learning from Context or Names? An Empirical Study on Neural Relation Extraction. "
            "EMNLP 2020.",
        )
    }
