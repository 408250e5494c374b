"""The contract of a plugin's parts, as functions for its own tests: ``check_noise_scorer(PairRarity, prior=2.0)``.

Each function builds the part as finecl does, gives it small inputs, and raises an ``AssertionError`` of one sentence
on the first breach.
"""

from finecl.testing.checks import (
    check_extractor,
    check_format,
    check_method,
    check_noise_scorer,
    check_objective,
    check_recogniser,
    check_weighting,
)
from finecl.testing.votes import check_label_model, check_labeler

__all__ = [
    "check_extractor",
    "check_format",
    "check_label_model",
    "check_labeler",
    "check_method",
    "check_noise_scorer",
    "check_objective",
    "check_recogniser",
    "check_weighting",
]
