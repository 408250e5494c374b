"""Extractors: encoder + relation head. Each serves as stage 1's proxy and as stage 3's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Extractors


@hookimpl
def extractors() -> Extractors:
    """The extractors of this package."""
    from finecl_extractors.adaptive import Adaptive
    from finecl_extractors.bilinear import Bilinear
    from finecl_extractors.markers import Markers
    from finecl_extractors.ssan import SSAN
    from finecl_extractors.words import CNN, BiLSTM

    return {
        "bilinear": Bilinear,
        "markers": Markers,
        "adaptive": Adaptive,
        "ssan": SSAN,
        "cnn": CNN,
        "bilstm": BiLSTM,
    }
