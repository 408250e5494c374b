"""Prompts: the definitions of relations, the template, and documents as text with numbered entities."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from finecl.errors import SettingsError
from finecl.types import Document


def read_relations(path: str) -> dict[str, str]:
    """Returns the definitions of relations by name, from a TOML or JSON file ``name = "definition"``.

    Raises:
        SettingsError: there is no such file, or it is no table of texts.
    """
    file = Path(path)
    if not path or not file.is_file():
        raise SettingsError(
            f"llm, relations: expected a file of names and definitions, FILE.toml or FILE.json, got '{path}'"
        )
    try:
        text = file.read_text(encoding="utf-8")
        values = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise SettingsError(f"{file}: expected names and definitions as TOML or JSON: {error}") from None
    if not isinstance(values, dict) or not values or not all(isinstance(value, str) for value in values.values()):
        raise SettingsError(f"{file}: expected name = 'definition' for each relation, and nothing else")
    return values


def system_prompt(name: str, own: str, relations: Mapping[str, str]) -> tuple[str, str]:
    """Returns the system prompt, and a hash of it; ``own`` is the user's file in place of the built-in ``name``.

    Raises:
        SettingsError: the file does not exist or has no ``$relations``.
    """
    if own and not Path(own).is_file():
        raise SettingsError(f"llm, prompt: expected a text file, got '{own}'")
    template = Path(own) if own else files("finecl_llm.prompts") / f"{name}.txt"
    text = template.read_text(encoding="utf-8")
    if "$relations" not in text:
        raise SettingsError(f"{own}: expected a prompt with $relations, where the definitions are put; found none")
    lines = "\n".join(f"- {relation}: {definition}" for relation, definition in relations.items())
    prompt = Template(text).safe_substitute(relations=lines)
    return prompt, hashlib.blake2b(prompt.encode(), digest_size=4).hexdigest()


def marked_text(document: Document) -> str:
    """Returns the text of a document with each mention as ``[NUMBER: words]``; of overlapping mentions the longest."""
    mentions = [(m, n) for n, entity in enumerate(document.entities) for m in entity.mentions]
    lines = []
    for number, words in enumerate(document.sentences):
        pieces, done = list(words), set[int]()
        here = sorted((m.start - m.end, m.start, m.end, n) for m, n in mentions if m.sentence == number)
        for _, start, end, entity in here:
            if done.isdisjoint(range(start, end)):
                done.update(range(start, end))
                pieces[start] = f"[{entity}: {pieces[start]}"
                pieces[end - 1] += "]"
        lines.append(" ".join(pieces))
    return " ".join(lines)


def entity_lines(document: Document) -> str:
    """Returns a line for each entity: its number, its first name, and its type if it has one."""
    lines = []
    for number, entity in enumerate(document.entities):
        name = entity.mentions[0].name if entity.mentions else ""
        lines.append(f"{number}: {name}" + (f" ({entity.type})" if entity.type else ""))
    return "\n".join(lines)
