"""WCL (Wan et al., Findings of EACL 2023): what a model trained on gold believes of a silver label is its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods, Scorers


@hookimpl
def noise_scorers() -> Scorers:
    """The confidence of an extractor that was trained on gold."""
    from finecl_wcl.confidence import SoftmaxConfidence

    return {"softmax-confidence": SoftmaxConfidence}


@hookimpl
def methods() -> Methods:
    """WCL on CP's objective, as its paper has it, and on ERICA's, as FineCL's authors compare it."""
    from finecl.types import Method

    citation = (
        "Wan et al. WCL: Weighted Contrastive Learning for Relation Extraction. Findings of EACL 2023. The paper's "
        "formula could not be recovered: the form of the loss is ours."
    )
    return {
        "wcl": Method(
            scorer="softmax-confidence",
            weighting="confidence",
            objectives=((1.0, "relation-contrast"),),
            text="marked-sentences",
            blanking=0.7,
            summary="CP with the confidence of a model trained on gold as weights of anchors",
            citation=citation,
            settings={"objective.relation-contrast.weight_negatives": False},
        ),
        "wcl-erica": Method(
            scorer="softmax-confidence",
            weighting="confidence",
            objectives=((1.0, "entity-discrimination"), (1.0, "relation-discrimination")),
            summary="ERICA with the confidence of a model trained on gold as weights",
            citation=citation,
            settings={"weighting.confidence.scale": "exp"},
        ),
    }
