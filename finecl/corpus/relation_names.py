"""Reads readable names of relations."""

from __future__ import annotations

import json
from pathlib import Path

from finecl.errors import FormatError


def read_relation_names(path: Path) -> dict[str, str]:
    """Reads names of relations from JSON: ``{"P6": "head of government"}`` or ``[{"id": "P6", "name": ...}]``.

    Raises:
        FormatError: the file cannot be read, or has neither form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
    except ValueError as error:
        raise FormatError(f"{path}: expected names of relations as JSON, got '{error}'; check the file") from None
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        content = {item.get("id"): item.get("name") for item in content}
    if not isinstance(content, dict) or not all(isinstance(text, str) for item in content.items() for text in item):
        raise FormatError(
            f"{path}: expected an object of relations and their names, or a list of objects with the texts 'id' "
            "and 'name', got something else; see rel_info.json of DocRED"
        )
    return content
