"""Baselines of contrastive pre-training: the unchanged encoder, and continued masked language modelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods


@hookimpl
def methods() -> Methods:
    """Returns pre-training without contrast, and no pre-training."""
    from finecl.types import Method

    return {
        "mlm": Method(
            scorer=None,
            weighting="uniform",
            objectives=(),
            summary="masked language modelling on the silver documents, without contrast",
            citation="Devlin et al. BERT: Pre-training of Deep Bidirectional Transformers for Language "
            "Understanding. NAACL 2019.",
        ),
        "none": Method(
            scorer=None,
            weighting="uniform",
            objectives=(),
            mlm=0.0,
            summary="the encoder as it is, without pre-training",
        ),
    }
