"""Labelers: rules over the words around two entities, and votes from a file; label models that combine votes."""

from finecl import hookimpl
from finecl.types import Labelers, LabelModels


@hookimpl
def labelers() -> Labelers:
    """Returns rules and file."""
    from finecl_labelers.rules import Rules
    from finecl_labelers.votes_file import VotesFile

    return {"rules": Rules, "file": VotesFile}


@hookimpl
def label_models() -> LabelModels:
    """Returns majority, dawid-skene and generative; each imports its library when it is used."""
    from finecl_labelers.models import DawidSkene, Generative, Majority

    return {"majority": Majority, "dawid-skene": DawidSkene, "generative": Generative}
