"""Recognisers of named entities in raw text: spaCy, GLiNER, and transformers' token classification."""

from finecl import hookimpl
from finecl.types import Recognisers


@hookimpl
def recognisers() -> Recognisers:
    """Returns spacy, gliner and transformers; each imports its library when it is built."""
    from finecl_recognisers.gliner_model import Gliner
    from finecl_recognisers.spacy_pipeline import SpacyPipeline
    from finecl_recognisers.token_classification import TokenClassification

    return {"spacy": SpacyPipeline, "gliner": Gliner, "transformers": TokenClassification}
