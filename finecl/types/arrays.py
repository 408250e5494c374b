"""Array types by element type, and literal types of units, batch sampling, input formats, evidence and modes."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Uids: TypeAlias = npt.NDArray[np.uint64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Generator: TypeAlias = np.random.Generator

Unit = Literal["pair", "query", "entity"]
BatchSampling = Literal["documents", "relation-pairs", "entity-pairs"]
InputFormat = Literal["documents", "marked-sentences"]
MentionMasking = Literal["text", "type", "blank"]
EvidenceKind = Literal["dynamics", "gold", "held-out", "representations", "statements", "text"]
DynamicsMode = Literal["batch", "epoch"]

NO_RELATION = -1
"""The relation id of an unlabelled pair; never the id of a real relation."""
