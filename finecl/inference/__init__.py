"""Fine-tuned extractors put to use: text with entities in, triples out. See ``docs/use.md``."""

from finecl.inference.extractor import RelationExtractor
from finecl.inference.triples import Triple

__all__ = ["RelationExtractor", "Triple"]
