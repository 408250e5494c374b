"""docs/use.md is correct: its commands and its Python code run as written."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from finecl_cli.commands import export, predict

from finecl.inference.relation_extractor import RelationExtractor
from finecl.inference.triples import Triple
from tests.helpers.documents import ROOT, blocks, run_page

PAGE = ROOT / "docs" / "use.md"


@pytest.mark.slow
def test_the_page_runs_as_written(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'finecl[onnx]'")
    output = "".join(output for text, output in run_page(PAGE, tmp_path) if "use.py" in text)
    lines = output.splitlines()
    assert any(re.fullmatch(r"Marie Curie .+ Warsaw [01]\.\d\d", line) for line in lines), output
    rows = [json.loads(line) for line in (tmp_path / "triples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {(row["title"], row["head_text"]) for row in rows} <= {("curie", "Marie Curie"), ("curie", "Warsaw")}
    assert rows
    with_torch = RelationExtractor.from_pretrained(tmp_path / "runs" / "demo", device="cpu", precision="float32")
    with_onnx = RelationExtractor.from_pretrained(
        tmp_path / "runs" / "demo", backend="onnx", onnx_file=tmp_path / "demo.onnx"
    )
    text, spans = "Marie Curie was born in Warsaw.", [(0, 11), (24, 30)]
    first, second = (
        {(t.head, t.tail, t.relation): t.score for t in extractor(text, spans, threshold=0.0)}
        for extractor in (with_torch, with_onnx)
    )
    assert second == pytest.approx(first, abs=1e-4)


def test_the_python_of_the_page_is_ten_lines() -> None:
    (block,) = [block for block in blocks(PAGE) if block.mark == "file: use.py"]
    assert len([line for line in block.text.splitlines() if line]) <= 10


def test_the_spans_of_the_page_are_those_of_its_text() -> None:
    (block,) = [block for block in blocks(PAGE) if block.mark == "file: use.py"]
    match = re.search(r'text = "(.+)"', block.text)
    assert match
    spans = [(int(a), int(b)) for a, b in re.findall(r"\((\d+), (\d+)\)", block.text)]
    assert [match[1][a:b] for a, b in spans] == ["Marie Curie", "Curie", "University of Paris"]


def test_options_and_fields_on_the_page_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    help_text = "".join(CliRunner().invoke(module.command, ["--help"]).output for module in (predict, export))
    for line in re.findall(r"finecl (?:predict|export) [^\n`]+", page):
        for option in re.findall(r"--[a-z-]+", line):
            assert f"{option} " in help_text, option
    for option in ("--threshold", "--pairs", "--json", "--type-constraints"):
        assert option in page
        assert option in help_text
    for field in dataclasses.fields(Triple):
        assert f"`{field.name}`" in page, field.name
    known = {*inspect.signature(RelationExtractor.from_pretrained).parameters}
    known |= {*inspect.signature(RelationExtractor.__call__).parameters}
    for name in ("variant", "ner", "backend", "onnx_file", "is_split_into_words", "type_constraints", "pairs"):
        assert name in known
        assert name in page
