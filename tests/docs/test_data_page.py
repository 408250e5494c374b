"""docs/data.md is correct: its commands run as written, and it names every format, command and option."""

from __future__ import annotations

import json
import re
from pathlib import Path

import finecl_formats
import pytest
from click.testing import CliRunner
from finecl_cli.commands.data import VERBS, command

from finecl.data.convert import DROPS
from finecl.data.corrupt import KINDS
from tests.helpers.documents import ROOT, run_page

PAGE = ROOT / "docs" / "data.md"


@pytest.mark.slow
def test_the_page_runs_as_written(tmp_path: Path) -> None:
    ran = "".join(text for text, _ in run_page(PAGE, tmp_path))
    assert [verb for verb in (*VERBS, "train") if f"finecl {verb}" in ran.replace("data ", "")] == [
        "validate", "stats", "split", "leakage", "label", "train",
    ]  # fmt: skip
    metrics = json.loads((tmp_path / "runs" / "mine" / "metrics.json").read_text())
    assert {"pretrained", "plain"} <= set(metrics["evaluate"])
    facts = (tmp_path / "labelled.facts.parquet").stat()
    assert facts.st_size > 0


def test_the_page_names_every_format_command_kind_and_drop() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in (*finecl_formats.formats(), *KINDS, *DROPS):
        assert f"`{name}`" in page or f"--drop {name}" in page, name
    for verb in VERBS:
        assert f"finecl data {verb}" in page or f"`{verb}`" in page, verb


def test_options_on_the_page_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    help_text = "".join(CliRunner().invoke(command, [verb, "--help"]).output for verb in VERBS)
    for line in re.findall(r"finecl data [^\n`]+", page):
        for option in re.findall(r"--[a-z-]+", line):
            assert f"{option} " in help_text or f"{option}\n" in help_text, option


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help_and_json(verb: str) -> None:
    result = CliRunner().invoke(command, [verb, "--help"])
    assert result.exit_code == 0
    assert "--json" in result.output
