"""MTB, "matching the blanks" (Soares et al., ACL 2019), as Peng et al. (EMNLP 2020) train it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods, Objectives


@hookimpl
def objectives() -> Objectives:
    """Returns matching the blanks."""
    from finecl_mtb.matching import Matching

    return {"matching-the-blanks": Matching}


@hookimpl
def methods() -> Methods:
    """Returns MTB with the blanking probability of its paper."""
    from finecl.types import Method

    return {
        "mtb": Method(
            scorer=None,
            weighting="uniform",
            objectives=((1.0, "matching-the-blanks"),),
            input_format="marked-sentences",
            blanking=0.7,
            summary="sentences of one entity pair match, sentences that share one entity do not",
            citation="Soares et al. Matching the Blanks: Distributional Similarity for Relation Learning. ACL 2019.",
        )
    }
