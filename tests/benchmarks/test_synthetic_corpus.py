"""Copies of documents for the measurements of memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from finecl_benchmarks import synthetic_corpus
from finecl_formats.jsonl import JSONLines

from tests.helpers import tiny


def test_copies_keep_titles_with_separators_that_json_does_not_escape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tiny.document("one\u2028two\x85", ["Ada met Zoe"], ["Ada"])
    JSONLines().write([document], tmp_path / "source.jsonl")
    monkeypatch.setattr(synthetic_corpus, "documents_file", lambda: tmp_path / "source.jsonl")
    synthetic_corpus.write_copies(2, tmp_path / "copies.jsonl")
    with (tmp_path / "copies.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert [row["title"] for row in rows] == ["one\u2028two\x85 #0", "one\u2028two\x85 #1"]
