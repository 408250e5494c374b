"""finecl: learn which silver labels to trust, then pre-train a relation encoder with them.

Importing this package loads neither torch nor transformers; ``finecl.RelationExtractor`` does.
"""

from typing import TYPE_CHECKING, Any

from finecl.hookspecs import hookimpl

if TYPE_CHECKING:
    from finecl.inference import RelationExtractor

__version__ = "0.1.0"

__all__ = ["RelationExtractor", "__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    """``RelationExtractor``, when it is first asked for."""
    if name != "RelationExtractor":
        raise AttributeError(f"module 'finecl' has no attribute '{name}'")
    from importlib import import_module

    return import_module("finecl.inference").RelationExtractor
