"""A published method as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from finecl.types.arrays import InputFormat


@dataclass(frozen=True, kw_only=True)
class Method:
    """A published method as data; it refers to parts by their names in the registry.

    ``objectives`` are (coefficient, name) pairs; ``mlm`` is the coefficient of masked language modelling.
    ``input_format`` is what the encoder reads: documents, in which an entity is the mean of its mentions, or marked
    sentences, one entity pair each, represented by the states of the markers before head and tail; there ``blanking``
    is the probability that a mention is replaced by a blank.
    ``settings`` are settings of the parts, as ``{"objective.relation-discrimination.temperature": 0.05}``.
    """

    scorer: str | None
    weighting: str
    objectives: tuple[tuple[float, str], ...]
    mlm: float = 1.0
    input_format: InputFormat = "documents"
    blanking: float = 0.0
    summary: str = ""
    citation: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


Methods: TypeAlias = Mapping[str, Method]
