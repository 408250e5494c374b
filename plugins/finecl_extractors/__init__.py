"""Extractors: encoder plus relation head, used as the proxy of stage 1 and as the model of stage 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Extractors


@hookimpl
def extractors() -> Extractors:
    """Returns the extractors of this package."""
    from finecl_extractors.adaptive import Adaptive
    from finecl_extractors.bilinear import Bilinear
    from finecl_extractors.concat import Concat
    from finecl_extractors.markers import Markers
    from finecl_extractors.ssan import SSAN
    from finecl_extractors.words import CNN, BiLSTM

    return {
        "bilinear": Bilinear,
        "concat": Concat,
        "markers": Markers,
        "adaptive": Adaptive,
        "ssan": SSAN,
        "cnn": CNN,
        "bilstm": BiLSTM,
    }
