"""Relations as files name them: those that labels may have, and the names that Wikidata's properties go by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finecl.corpus.names import normalised
from finecl.errors import FormatError


def read_relations(path: Path) -> list[str]:
    """The relations in a JSON file: the keys of an object (``rel2id.json``), or a list of texts or of objects with id.

    Raises:
        FormatError: the file cannot be read, or holds neither.
    """
    content = _json(path)
    if isinstance(content, list):
        content = [item.get("id") if isinstance(item, dict) else item for item in content]
    if not isinstance(content, dict | list) or not content or not all(isinstance(name, str) for name in content):
        raise FormatError(f"{path}: expected relations as the keys of an object, or as a list, got something else")
    return list(content)


@dataclass(frozen=True)
class Properties:
    """Wikidata's properties: ``names`` by id, and ids by normalised name or alias, a name before an alias."""

    names: Mapping[str, str]
    ids: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Properties:
        """The properties in a list of objects with ``id``, ``name`` and if known ``alias``, a list of texts.

        Raises:
            FormatError: the file cannot be read, or holds something else.
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
        """The property of this id, name or alias; what is none stays as it is."""
        return relation if relation in self.names else self.ids.get(normalised(relation), relation)

    def named(self, relations: Iterable[str]) -> dict[str, str]:
        """Readable names of relations, as ``rel_info.json`` holds them."""
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
