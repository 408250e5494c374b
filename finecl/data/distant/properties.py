"""Reads lists of relations, and the ids and names of Wikidata's properties."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.text.names import normalised


def read_relations(path: Path) -> list[str]:
    """Reads relations from JSON: the keys of an object (``rel2id.json``), or a list of texts or of objects with id.

    Raises:
        FormatError: the file cannot be read, or has neither form.
    """
    content = _json(path)
    if isinstance(content, list):
        content = [item.get("id") if isinstance(item, dict) else item for item in content]
    if not isinstance(content, dict | list) or not content or not all(isinstance(name, str) for name in content):
        raise FormatError(f"{path}: expected relations as the keys of an object, or as a list, got something else")
    return list(content)


@dataclass(frozen=True)
class Properties:
    """Wikidata's properties: ``names`` by id, and ``ids`` by normalised name or alias; names take precedence."""

    names: Mapping[str, str]
    ids: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Properties:
        """Reads properties from a list of objects with ``id``, ``name`` and optionally ``alias``, a list of texts.

        Raises:
            FormatError: the file cannot be read, or has another form.
        """
        content = _json(path)
        if not isinstance(content, list) or not all(map(_is_property, content)):
            raise FormatError(f"{path}: expected a list of objects with the texts 'id' and 'name', got something else")
        ids: dict[str, str] = {}
        for item in content:
            ids.setdefault(normalised(item["name"]), item["id"])
        for item in content:
            for alias in item.get("alias") or ():
                ids.setdefault(normalised(str(alias)), item["id"])
        return cls({item["id"]: item["name"] for item in content}, ids)

    def id_of(self, relation: str) -> str:
        """Returns the id of the property with this id, name or alias; other relations are returned unchanged."""
        return relation if relation in self.names else self.ids.get(normalised(relation), relation)

    def named(self, relations: Iterable[str]) -> dict[str, str]:
        """Returns readable names of relations, as in ``rel_info.json``."""
        return {relation: self.names.get(relation, relation) for relation in sorted(set(relations))}


def _is_property(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get("name"), str)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
    except (ValueError, RecursionError) as error:
        came = str(error).partition("\n")[0]
        raise FormatError(f"{path}: expected relations as JSON, got '{came}'; check the file") from None
