"""Data types shared by the engine and its plugins, and the protocols that plugins implement.

Shape letters, here and in every name that ends in capitals: N instances, E epochs (of evidence), A anchors,
C candidates, P positives of an anchor (or candidate entity pairs), K negatives of an anchor, R relations,
H hidden width, T sub-word tokens of a packed batch, D documents, V entities of a packed batch.

Importing this package loads numpy, not torch.
"""

from finecl.types.arrays import (
    NO_RELATION,
    BatchSampling,
    Bools,
    DynamicsMode,
    EvidenceKind,
    Floats,
    Generator,
    InputFormat,
    Ints,
    MentionMasking,
    Uids,
    Unit,
)
from finecl.types.batch import Batch
from finecl.types.contrast import LossSum, RowColumns
from finecl.types.documents import Document, Entity, Label, Mention
from finecl.types.evidence import Dynamics, Evidence, LabelTexts, first_epoch
from finecl.types.instances import Instances
from finecl.types.masks import RowMask, pair_has_relation, same_document, same_pair, same_relation, shares_entity
from finecl.types.method import Method, Methods
from finecl.types.pairs import Pairs, padded, same_key, sharing_one
from finecl.types.protocols import (
    AttentionBias,
    Extractor,
    Extractors,
    Format,
    Formats,
    NoiseScorer,
    Objective,
    Objectives,
    Recogniser,
    Recognisers,
    Scorers,
    TextEncoder,
    Weighting,
    Weightings,
    combination_fault,
    declared,
)

__all__ = [
    "NO_RELATION",
    "AttentionBias",
    "Batch",
    "BatchSampling",
    "Bools",
    "Document",
    "Dynamics",
    "DynamicsMode",
    "Entity",
    "Evidence",
    "EvidenceKind",
    "Extractor",
    "Extractors",
    "Floats",
    "Format",
    "Formats",
    "Generator",
    "InputFormat",
    "Instances",
    "Ints",
    "Label",
    "LabelTexts",
    "LossSum",
    "Mention",
    "MentionMasking",
    "Method",
    "Methods",
    "NoiseScorer",
    "Objective",
    "Objectives",
    "Pairs",
    "Recogniser",
    "Recognisers",
    "RowColumns",
    "RowMask",
    "Scorers",
    "TextEncoder",
    "Uids",
    "Unit",
    "Weighting",
    "Weightings",
    "combination_fault",
    "declared",
    "first_epoch",
    "padded",
    "pair_has_relation",
    "same_document",
    "same_key",
    "same_pair",
    "same_relation",
    "shares_entity",
    "sharing_one",
]
