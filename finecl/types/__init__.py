"""The nouns that travel between the engine and its plugins, and the protocols that plugins satisfy.

Shape letters, here and in every name that ends in capitals: N instances, E epochs (of evidence), A anchors,
C candidates, P positives of an anchor (or asked entity pairs), K negatives of an anchor, R relations,
H hidden width, T sub-word tokens of a packed batch, D documents, V entities of a packed batch.

Importing this package loads numpy, not torch.
"""

from finecl.types.arrays import (
    NO_RELATION,
    Bools,
    Draw,
    DynamicsMode,
    Floats,
    Generator,
    Ints,
    Mentions,
    Need,
    Text,
    Uids,
    View,
)
from finecl.types.batch import Batch
from finecl.types.contrast import LossSum, Table
from finecl.types.documents import Document, Entity, Label, Mention
from finecl.types.evidence import Dynamics, Evidence, first_epoch
from finecl.types.instances import Instances
from finecl.types.method import Method, Methods
from finecl.types.pairs import Pairs, padded, same_key, sharing_one
from finecl.types.protocols import (
    Extractor,
    Extractors,
    Format,
    Formats,
    NoiseScorer,
    Objective,
    Objectives,
    Scorers,
    Steer,
    TextEncoder,
    Weighting,
    Weightings,
)

__all__ = [
    "NO_RELATION",
    "Batch",
    "Bools",
    "Document",
    "Draw",
    "Dynamics",
    "DynamicsMode",
    "Entity",
    "Evidence",
    "Extractor",
    "Extractors",
    "Floats",
    "Format",
    "Formats",
    "Generator",
    "Instances",
    "Ints",
    "Label",
    "LossSum",
    "Mention",
    "Mentions",
    "Method",
    "Methods",
    "Need",
    "NoiseScorer",
    "Objective",
    "Objectives",
    "Pairs",
    "Scorers",
    "Steer",
    "Table",
    "Text",
    "TextEncoder",
    "Uids",
    "View",
    "Weighting",
    "Weightings",
    "first_epoch",
    "padded",
    "same_key",
    "sharing_one",
]
