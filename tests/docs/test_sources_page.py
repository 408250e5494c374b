"""docs/sources.md is correct: its blocks run as written, and it names every source, label model and field."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from finecl_labelers.rules import _FIELDS

from finecl import registry
from tests.helpers.documents import ROOT, run_page

PAGE = ROOT / "docs" / "sources.md"


@pytest.mark.slow
def test_the_page_runs_as_written(tmp_path: Path) -> None:
    outputs = dict(run_page(PAGE, tmp_path))
    (labelled,) = [output for command, output in outputs.items() if "--with knowledge-graph" in command]
    accuracy = {
        name: float(share)
        for name, share in re.findall(r"^  (\S+):\n(?:    .*\n)*?    accuracy: (\S+)", labelled, re.MULTILINE)
    }
    assert accuracy["rules:rules.toml"] == accuracy["rules:functions.py"] == 1.0
    assert accuracy["knowledge-graph"] < 0.8
    (of_labels,) = re.findall(r"^accuracy: (\S+)", labelled, re.MULTILINE)
    assert float(of_labels) > accuracy["knowledge-graph"], "the sources together are better than the graph alone"
    first, again = ((tmp_path / f"{name}.jsonl").read_text().splitlines() for name in ("labelled", "again"))
    assert len(first) == len(again) == 120
    assert json.loads(first[0])["title"] == "s0"
    assert "labels of" in (tmp_path / "summary.txt").read_text()


def test_the_page_names_all_parts_and_fields() -> None:
    page, known = PAGE.read_text(encoding="utf-8"), registry.load()
    built_in = [part for kind in ("labeler", "label model") for part in known.parts(kind).values()]
    assert len(built_in) >= 7
    for part in built_in:
        if part.plugin in ("labelers", "distant", "trained"):
            assert f"`{part.name}" in page, part.name
    assert all(f"`{name}" in page for name in _FIELDS)
