"""A published method as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from finecl.types.arrays import InputFormat


@dataclass(frozen=True, kw_only=True)
class Method:
    """A published recipe, as data: names of parts, to be found in the registry.

    ``objectives`` are (coefficient, name) pairs; ``mlm`` is the coefficient of masked language modelling;
    ``text`` is what the encoder reads: documents, their entities by the mean of their mentions; or marked sentences,
    an entity pair each, by the states of the markers in front of head and tail. There ``blanking`` is the probability
    with which a mention is replaced by a blank.
    ``settings`` are values of the parts, as ``{"objective.relation-discrimination.temperature": 0.05}``.
    """

    scorer: str | None
    weighting: str
    objectives: tuple[tuple[float, str], ...]
    mlm: float = 1.0
    text: InputFormat = "documents"
    blanking: float = 0.0
    summary: str = ""
    citation: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


Methods: TypeAlias = Mapping[str, Method]
