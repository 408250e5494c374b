"""docs/sources.md is correct: its blocks run as written, and it names every source, label model and field."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from finecl_labelers.rules import _FIELDS

from finecl import registry
from tests.helpers.documents import ROOT, blocks, run_page
from tests.helpers.llm_server import Script, judged, listed, serving

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
    _run_against_a_server(tmp_path)


def _run_against_a_server(directory: Path) -> None:
    """Runs the blocks that ask a language model, with the address of a scripted server."""
    pytest.importorskip("openai", reason="openai is not installed: pip install 'finecl[llm]'")
    label, judge = (block.text for block in blocks(PAGE) if block.language == "shell")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "FINECL_CACHE": str(directory / "cache")}
    variables["OPENAI_API_KEY"] = "sk-secret"
    for text, answer in ((label, listed), (judge, judged)):
        with serving(Script(answer=answer)) as script:
            command = text.replace("http://localhost:8000/v1", script.url)
            done = subprocess.run(
                ["bash", "-euc", command], cwd=directory, env=variables, capture_output=True, text=True, timeout=600
            )
            assert done.returncode == 0, done.stderr
            assert script.requests >= 30
    assert (directory / "by-model.votes.parquet").exists()
    assert (directory / "runs" / "judged" / "labels.csv").exists()


def test_the_page_names_all_parts_and_fields() -> None:
    page, known = PAGE.read_text(encoding="utf-8"), registry.load()
    built_in = [part for kind in ("labeler", "label model") for part in known.parts(kind).values()]
    assert len(built_in) >= 7
    for part in built_in:
        if part.plugin in ("labelers", "distant", "trained", "llm"):
            assert f"`{part.name}" in page, part.name
    assert all(f"`{name}" in page for name in _FIELDS)
