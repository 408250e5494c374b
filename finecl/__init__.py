"""finecl finds wrong labels in silver relation data and pre-trains a relation encoder with the rest.

Importing this package loads neither torch nor transformers; its public names are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finecl.config.resolve import resolve as load_settings
    from finecl.config.schema import Settings
    from finecl.hookspecs import hookimpl
    from finecl.inference.relation_extractor import RelationExtractor
    from finecl.inference.triples import Triple
    from finecl.pipeline.api import load_run, score, train
    from finecl.pipeline.run import Run
    from finecl.pipeline.scored_labels import ScoredLabels
    from finecl.types import Document, Entity, Label, Mention

__version__ = "0.1.0"

__all__ = [
    "Document",
    "Entity",
    "Label",
    "Mention",
    "RelationExtractor",
    "Run",
    "ScoredLabels",
    "Settings",
    "Triple",
    "__version__",
    "hookimpl",
    "load_run",
    "load_settings",
    "score",
    "train",
]

_MODULES = {
    "Document": "finecl.types",
    "Entity": "finecl.types",
    "Label": "finecl.types",
    "Mention": "finecl.types",
    "RelationExtractor": "finecl.inference.relation_extractor",
    "Run": "finecl.pipeline.run",
    "ScoredLabels": "finecl.pipeline.scored_labels",
    "Settings": "finecl.config.schema",
    "Triple": "finecl.inference.triples",
    "hookimpl": "finecl.hookspecs",
    "load_run": "finecl.pipeline.api",
    "load_settings": "finecl.config.resolve",
    "score": "finecl.pipeline.api",
    "train": "finecl.pipeline.api",
}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use.

    Raises:
        AttributeError: finecl has no public name of this kind.
    """
    if name not in _MODULES:
        raise AttributeError(f"module 'finecl' has no attribute '{name}'")
    return getattr(import_module(_MODULES[name]), "resolve" if name == "load_settings" else name)


def __dir__() -> list[str]:
    """Returns the public names."""
    return sorted(__all__)
