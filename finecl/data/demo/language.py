"""Vocabulary of the built-in corpus: parts of names, and wordings of relations by types of entities."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, kw_only=True)
class TypePair:
    """Relations between two types of entities, with their wordings; ``met`` are wordings without a relation."""

    head: str
    tail: str
    met: tuple[str, ...]
    relations: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Language:
    """The content of ``wordings.toml``."""

    names: Mapping[str, tuple[str, ...]]
    type_pairs: tuple[TypePair, ...]

    @classmethod
    def read(cls) -> Language:
        """Reads the vocabulary included in finecl."""
        content = tomllib.loads((files("finecl.data.demo") / "wordings.toml").read_text(encoding="utf-8"))
        pairs = [
            TypePair(
                head=types.split("-")[0],
                tail=types.split("-")[1],
                met=tuple(wordings["met"]),
                relations={name: tuple(texts) for name, texts in wordings["relations"].items()},
            )
            for types, wordings in content["types"].items()
        ]
        return cls(names={part: tuple(texts) for part, texts in content["names"].items()}, type_pairs=tuple(pairs))
