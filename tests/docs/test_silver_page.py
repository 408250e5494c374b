"""docs/silver.md is correct: its blocks run as written, and it names every column and rule."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner
from finecl_cli.commands import clean, score

from finecl.labels.cleaning import Rules
from tests.helpers.documents import ROOT, blocks, run_page

PAGE = ROOT / "docs" / "silver.md"


@pytest.mark.slow
def test_the_page_runs_as_written_and_finds_the_planted_errors(tmp_path: Path) -> None:
    outputs = dict(run_page(PAGE, tmp_path))
    _check_the_readme(tmp_path)
    summary = (tmp_path / "summary.txt").read_text(encoding="utf-8")
    assert summary.startswith("150 labels of 3 relations in 150 documents\n")
    assert "next: finecl clean" in summary
    with (tmp_path / "runs" / "labels" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wordings = {"born in": "was born in", "lives in": "has a house in", "left": "fled from"}
    wrong = [wordings[row["relation"]] not in row["sentence"] for row in rows]
    assert sum(wrong) == 30
    assert sum(wrong[:30]) >= 27, "the most suspicious labels are the wrong ones"
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in rows[0])
    with (tmp_path / "cleaned.changes.csv").open(newline="") as file:
        assert {row["action"] for row in csv.DictReader(file)} == {"drop"}
    with (tmp_path / "relabelled.changes.csv").open(newline="") as file:
        assert "relabel" in {row["action"] for row in csv.DictReader(file)}
    assert (tmp_path / "triples.jsonl").stat().st_size > 0
    assert outputs["python clean.py\n"].startswith("150 labels of 3 relations in 150 documents\n")


def _check_the_readme(directory: Path) -> None:
    """The README's Python runs on the same labels and prints what the README says, but for the last digits."""
    script, output = (
        next(block.text for block in blocks(ROOT / "README.md") if block.mark == mark or block.language == mark)
        for mark in ("file: readme.py", "text")
    )
    environment = {**os.environ, "FINECL_CACHE": str(directory / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=directory, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    printed, expected = done.stdout.splitlines(), output.splitlines()
    assert printed[0] == expected[0]
    shares = [int(re.match(r"about (\d+) % of the labels are wrong", lines[1])[1]) for lines in (printed, expected)]  # type: ignore[index]
    assert abs(shares[0] - shares[1]) <= 2
    assert printed[3] == expected[3] == "2 most suspicious labels:"
    assert len(printed) == len(expected)


def test_every_rule_and_option_is_on_the_page_and_exists() -> None:
    page = PAGE.read_text(encoding="utf-8")
    help_text = "".join(CliRunner().invoke(module.command, ["--help"]).output for module in (clean, score))
    for rule in fields(Rules):
        option = f"--{rule.name.replace('_', '-')}"
        assert option in page, option
        assert option in help_text, option
