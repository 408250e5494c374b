"""People judge some silver labels: which to show them, what they answered, and what follows from it."""

from finecl.review.sample import DRAWN, drawn
from finecl.review.verdicts import (
    VERDICTS,
    Estimate,
    Verdict,
    add_verdicts,
    apply_verdicts,
    estimate,
    judged,
    read_verdicts,
)

__all__ = [
    "DRAWN",
    "VERDICTS",
    "Estimate",
    "Verdict",
    "add_verdicts",
    "apply_verdicts",
    "drawn",
    "estimate",
    "judged",
    "read_verdicts",
]
