"""Declarations of formats of tokens, spans and relations, as TOML files; docs/data.md describes the fields."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from finecl.errors import SettingsError

Key: TypeAlias = str | int
"""A field of an object by name, or a member of a list by position."""


@dataclass(frozen=True, kw_only=True)
class SpanFields:
    """Fields of a span, by name or position; ``count_from``: words count from the document's or sentence's first."""

    start: Key
    end: Key
    type: Key | None = None
    id: Key | None = None
    inclusive: bool = False
    count_from: Literal["document", "sentence"] = "sentence"


@dataclass(frozen=True, kw_only=True)
class RelationFields:
    """Fields of a relation. ``head`` and ``tail`` are two fields (start and end of a span, as in spans), or one.

    One field holds, by ``ends``, the number of a span, a span's id, or the number of a word of a span.
    """

    head: Any
    tail: Any
    type: Key
    ends: Literal["spans", "ids", "words"] = "spans"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """Where words, spans and relations stand in a record; ``by_sentence``: spans and relations are listed by sentence.

    ``lines``: a record a line, else a JSON list. ``word``: the field of a word, if words are objects. ``accepted``:
    field and value of the records to be read.
    """

    words: str
    spans: str
    relations: str
    span: SpanFields
    relation: RelationFields
    lines: bool = True
    title: str = "id"
    word: str | None = None
    clusters: str | None = None
    by_sentence: bool = False
    accepted: tuple[str, str] | None = None

    @classmethod
    def read(cls, path: Path) -> Declaration:
        """Reads a declaration.

        Raises:
            SettingsError: the file cannot be read, or has unknown or missing fields.
        """
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
            span, relation = SpanFields(**fields.pop("span")), RelationFields(**fields.pop("relation"))
            accepted = tuple(fields.pop("accepted", ())) or None
            return cls(span=span, relation=relation, accepted=accepted, **fields)
        except OSError as error:
            raise SettingsError(f"{path}: expected a declaration in TOML, got '{error.strerror}'") from None
        except (TypeError, KeyError, ValueError) as error:
            came = str(error).removeprefix("Declaration.__init__() ")
            raise SettingsError(f"{path}: expected the fields of docs/data.md, got: {came}") from None


@cache
def read_declaration(path: Path) -> Declaration:
    """Reads a declaration once; see ``Declaration.read``."""
    return Declaration.read(path)
