"""WCL (Wan et al., Findings of EACL 2023): weights silver labels by the confidence of a model trained on gold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods, Scorers


@hookimpl
def noise_scorers() -> Scorers:
    """Returns the confidence of an extractor trained on gold labels."""
    from finecl_wcl.confidence import SoftmaxConfidence

    return {"softmax-confidence": SoftmaxConfidence}


@hookimpl
def methods() -> Methods:
    """Returns WCL on CP's objective, as in its paper, and on ERICA's, as in FineCL's comparison."""
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
            input_format="marked-sentences",
            blanking=0.7,
            summary="CP with anchors weighted by the confidence of a model trained on gold",
            citation=citation,
            settings={"objective.relation-contrast.weight_negatives": False},
        ),
        "wcl-erica": Method(
            scorer="softmax-confidence",
            weighting="confidence",
            objectives=((1.0, "entity-discrimination"), (1.0, "relation-discrimination")),
            summary="ERICA weighted by the confidence of a model trained on gold",
            citation=citation,
            settings={"weighting.confidence.scale": "exp"},
        ),
    }
