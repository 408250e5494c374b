"""Tests of the sentences that state a relation."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from finecl.errors import FormatError
from finecl.scoring.wordings import in_words, read_wordings, relation_wordings


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("per:place_of_birth", "place of birth"),
        ("/people/person/placeOfBirth", "place of birth"),
        ("Cause-Effect(e2,e1)", "cause effect"),
        ("place of birth", "place of birth"),
        ("cause of", "cause of"),
        ("born in U.S. state", "born in u.s. state"),
        ("P19", "p19"),
        ("出生地", "出生地"),
        ("::", "::"),
    ],
)
def test_a_relation_is_put_into_words(relation: str, words: str) -> None:
    assert in_words(relation) == words


def test_the_users_wordings_come_before_the_known_ones_and_these_before_the_name(tmp_path: Path) -> None:
    path = tmp_path / "wordings.toml"
    path.write_text('"per:spouse" = ["{head} wed {tail}"]\n"place of death" = ["{tail} saw {head} die"]\n')
    names = {"per:spouse": "per:spouse", "P20": "place of death", "P26": "spouse", "odd_{name}": "odd_{name}"}
    assert relation_wordings(names, str(path)) == {
        "per:spouse": ("{head} wed {tail}",),
        "P20": ("{tail} saw {head} die",),
        "P26": ("{head} is married to {tail}", "{head} is the wife of {tail}", "{head} is the husband of {tail}"),
        "odd_{name}": ("{head}: odd name: {tail}",),
    }


def test_the_known_wordings_are_valid_and_found_by_their_names(tmp_path: Path) -> None:
    text = files("finecl.scoring").joinpath("wordings.toml").read_text(encoding="utf-8")
    path = tmp_path / "known.toml"
    path.write_text(text)
    known = read_wordings(path)
    assert known == {name: tuple(sentences) for name, sentences in tomllib.loads(text).items()}
    assert relation_wordings({name: name for name in known}) == known


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        'a = "{head} knows {tail}"',
        "a = []",
        "a = [1]",
        'a = ["{head} knows"]',
        'a = ["{head} knows {tail} and {tail}"]',
        'a = ["{head} knows {tail} {when}"]',
        "[a]\nb = 1",
    ],
)
def test_other_wordings_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wordings.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"wordings\.toml.*; (correct|check)"):
        read_wordings(path)
    with pytest.raises(FormatError, match="check the path"):
        read_wordings(tmp_path / "missing.toml")
