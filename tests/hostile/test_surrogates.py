"""Half a surrogate pair, which JSON can hold and UTF-8 cannot, in every text field: one line, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finecl_formats.rows import to_row

from finecl import RelationExtractor
from finecl.errors import FineCLError
from tests.end_to_end.conftest import Finecl, Small, finecl, finished_run, small

__all__ = ["finecl", "finished_run", "small"]
HALF = "\ud800"
COMMANDS = ("convert", "convert to brat", "split", "corrupt", "label", "score", "predict")


def _change(row: dict[str, Any], field: str) -> None:
    if field == "word":
        row["sents"][0][0] = HALF
    elif field == "title":
        row["title"] = HALF
    elif field == "relation":
        row["labels"][0]["relation"] = HALF
    elif field == "id":
        row["entity_ids"] = [HALF, *row["entity_ids"][1:]]
    else:
        row["vertexSet"][0][0][field] = HALF


@pytest.fixture
def arguments(small: Small, finished_run: Path, tmp_path: Path) -> dict[str, tuple[object, ...]]:
    """Each command on the file ``in.jsonl``, with an output in ``out``."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    (tmp_path / "graph.tsv").write_text("a\tb\tc\n")
    drops = [option for name in ("ids", "truth", "evidence") for option in ("--drop", name)]
    scored = ("--model", small.model, "--output-dir", out / "run", "--no-suggestions")
    return {
        "convert": ("data", "convert", source, out / "x.parquet"),
        "convert to brat": ("data", "convert", source, out / "x", "--to", "brat", *drops),
        "split": ("data", "split", source, out / "x.jsonl", "--fraction", "1"),
        "corrupt": ("data", "corrupt", source, out / "x.jsonl", "--rate", "0.5"),
        "label": ("data", "label", source, out / "x.jsonl", "--triples", tmp_path / "graph.tsv"),
        "score": ("score", source, *scored),
        "predict": ("predict", finished_run, source, out / "x.jsonl"),
    }


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("field", ["word", "title", "relation", "id", "name", "type"])
def test_half_a_surrogate_pair_in_a_file_gives_one_line(
    field: str, command: str, small: Small, tmp_path: Path, arguments: dict[str, tuple[object, ...]], finecl: Finecl
) -> None:
    rows = [to_row(document) for document in small.documents["silver"]]
    _change(rows[0], field)
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="ascii")
    (tmp_path / "out").mkdir()
    complaint = finecl(*arguments[command], "--quiet").error_line()
    assert complaint.isprintable()
    assert "expected Unicode text, got '\\ud800'" in complaint
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_half_a_surrogate_pair_in_a_text_or_an_argument_gives_one_line(
    finished_run: Path, tmp_path: Path, finecl: Finecl
) -> None:
    extractor = RelationExtractor.from_pretrained(finished_run)
    with pytest.raises(FineCLError, match="expected Unicode text"):
        extractor(f"Ada {HALF} met Zoe .", entities=[(0, 3), (10, 13)])
    byte = "\udcff"  # what Python makes of a byte of an argument that is not UTF-8
    for arguments in (
        ("data", "stats", f"{tmp_path}/{byte}", "--quiet"),
        ("train", "--data", byte, "--quiet"),
        ("train", "--set", byte, "--quiet"),
    ):
        assert finecl(*arguments).error_line().isprintable()
