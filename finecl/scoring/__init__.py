"""Stage 1: the proxy, its training dynamics, the probability that labels are wrong; noise scores from arrays."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finecl.scoring.arrays import noise_scores

__all__ = ["noise_scores"]


def __getattr__(name: str) -> Any:
    """Imports ``noise_scores`` on first use.

    Raises:
        AttributeError: there is no public name of this kind.
    """
    if name not in __all__:
        raise AttributeError(f"module 'finecl.scoring' has no attribute '{name}'")
    return getattr(import_module("finecl.scoring.arrays"), name)
