"""Tests of provenance records and of atomic files."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import pytest

from finecl.artifacts import provenance
from finecl.artifacts.files import read_json, write_json
from finecl.errors import FormatError


def _checkout(at: Path, *, tracked: bool) -> None:
    """Creates a repository with one commit that includes ``provenance.py`` or not."""
    (at / "provenance.py").write_text("")
    (at / "other.txt").write_text("")
    git = ["git", "-C", str(at), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "other.txt", *(["provenance.py"] if tracked else [])], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "first"], check=True)


@pytest.mark.parametrize("tracked", [True, False])
def test_the_commit_is_that_of_finecl_not_of_a_checkout_around_it(
    tracked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _checkout(tmp_path, tracked=tracked)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    commit = provenance.commit()
    assert (commit is not None) == tracked
    if tracked:
        assert commit is not None
        assert not commit.endswith("+")
        (tmp_path / "provenance.py").write_text("# changed")
        assert provenance.commit() == f"{commit}+"


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    assert provenance.commit() is None


def test_a_record_is_whole_or_not_there(tmp_path: Path) -> None:
    at = tmp_path / "record.json"
    write_json(at, {"loss": math.nan, "orders": [1.0, math.inf]})
    assert read_json(at) == {"loss": None, "orders": [1.0, None]}
    with pytest.raises(TypeError):
        write_json(at, {"loss": object()})
    assert read_json(at) == {"loss": None, "orders": [1.0, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_a_record_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(FormatError, match=r"run\.json: expected a JSON record"):
        read_json(tmp_path / "run.json")
