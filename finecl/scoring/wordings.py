"""Sentences that state a relation: those that come with finecl, those of the user, or the relation's name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

from finecl.errors import FormatError

Wordings: TypeAlias = Mapping[str, Sequence[str]]
"""Sentences by relation, with ``{head}`` and ``{tail}`` for the entities."""

NEUTRAL = "{head} and {tail}"
"""Names a pair and states no relation."""


def relation_wordings(names: Mapping[str, str], path: str | None = None) -> dict[str, tuple[str, ...]]:
    """Returns sentences that state each relation.

    ``names`` maps relations to readable names. ``path`` is a TOML file of the user, with lists of sentences by relation
    or readable name; other relations have the sentences of finecl's own list if their name is in it, else
    "HEAD: RELATION: TAIL".

    Raises:
        FormatError: the file cannot be read, or holds something else.
    """
    given = read_wordings(Path(path)) if path else {}
    wordings = {}
    for relation, name in names.items():
        words = in_words(name)
        found = given.get(relation) or given.get(name) or _well_known().get(words)
        wordings[relation] = found or (f"{{head}}: {_plain(words)}: {{tail}}",)
    return wordings


def read_wordings(path: Path) -> dict[str, tuple[str, ...]]:
    """Reads a TOML file of sentences by relation: ``"per:spouse" = ["{head} is married to {tail}"]``.

    Raises:
        FormatError: the file cannot be read, or a sentence does not name both entities.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"{path}: expected wordings of relations as TOML, got '{error}'; check the file") from None
    for relation, sentences in content.items():
        if not isinstance(sentences, list) or not sentences or not all(map(_is_wording, sentences)):
            expected = "a list of sentences that hold {head} and {tail} once each, and no other braces"
            raise FormatError(f"{path}: {relation}: expected {expected}, got {sentences!r:.80}; correct the entry")
    return {relation: tuple(sentences) for relation, sentences in content.items()}


def in_words(relation: str) -> str:
    """Returns a relation's name as words: "per:place_of_birth" and "/person/placeOfBirth" as "place of birth"."""
    name = re.sub(r"\(.*\)$", "", relation).rstrip(":/.")
    if " " not in name:  # else it is words already, such as "born in U.S. state"
        name = re.split(r"[:/.](?=\w)", name)[-1]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_-]+", " ", name))
    return " ".join(spaced.lower().split()) or relation


@cache
def _well_known() -> Mapping[str, tuple[str, ...]]:
    text = files("finecl.scoring").joinpath("wordings.toml").read_text(encoding="utf-8")
    return {name.lower(): tuple(sentences) for name, sentences in tomllib.loads(text).items()}


def _is_wording(sentence: object) -> bool:
    if not isinstance(sentence, str) or sentence.count("{head}") != 1 or sentence.count("{tail}") != 1:
        return False
    return not set("{}") & set(sentence.replace("{head}", "").replace("{tail}", ""))


def _plain(words: str) -> str:
    """Returns words without braces, which a wording uses for entities."""
    return words.translate(str.maketrans("", "", "{}"))
