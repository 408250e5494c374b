"""The documentation site builds without a warning and without a network, and its tutorials run as written."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.documents import ROOT, run_page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'finecl[docs]'")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed: pip install 'finecl[docs]'")
    directory = tmp_path_factory.mktemp("site")
    # A proxy that nothing listens on: a build that asks another server fails.
    offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(directory)],
        cwd=ROOT, env={**os.environ, **offline, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return directory


@pytest.mark.slow
def test_the_site_builds_and_has_every_page(site: Path) -> None:
    for page in [
        *ROOT.glob("docs/*.md"),
        *(ROOT / name / "README.md" for name in ("plugins", "benchmarks", "examples")),
    ]:
        name = page.stem if page.parent.name == "docs" else page.parent.name
        path = site / "index.html" if name == "index" else site / name / "index.html"
        assert path.exists(), page.name
    assert (site / "pipeline.svg").exists()


@pytest.mark.slow
def test_the_pages_load_nothing_from_other_servers(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        styles = re.findall(r'<link[^>]* href="(https?:[^"]+)"[^>]*rel="stylesheet"', page.read_text(encoding="utf-8"))
        assert loaded + styles == [], page.name


@pytest.mark.slow
def test_the_reference_has_the_public_names_and_all_parts(site: Path) -> None:
    import finecl
    from finecl import registry

    text = (site / "reference" / "index.html").read_text(encoding="utf-8")
    for name in set(finecl.__all__) - {"Document", "Entity", "Label", "Mention", "Settings", "__version__", "hookimpl"}:
        assert f"finecl.{name}" in text, name
    for name in ("Document", "NoiseScorer", "Instances"):
        assert f'id="finecl.types.{name}"' in text
    parts = (site / "parts" / "index.html").read_text(encoding="utf-8")
    for name in registry.load().parts("scorer"):
        assert f"<code>{name}</code>" in parts


@pytest.mark.slow
def test_the_quickstart_runs_as_written(tmp_path: Path) -> None:
    outputs = dict(run_page(ROOT / "docs" / "quickstart.md", tmp_path))
    assert "120 labels" in outputs["finecl score --set data.demo.silver=60 --output-dir runs/first\n"]
    assert "3 most suspicious labels:" in outputs["python first.py\n"]
    assert (tmp_path / "runs" / "first" / "report.html").exists()
    with (tmp_path / "cleaned.changes.csv").open(newline="") as file:
        assert {row["action"] for row in csv.DictReader(file)} == {"drop"}


def test_the_tutorial_of_a_scorer_runs_as_written(tmp_path: Path) -> None:
    outputs = [output for _, output in run_page(ROOT / "docs" / "scorer.md", tmp_path)]
    assert len(outputs) == 2
    for output in outputs:
        assert "ok     scorer long-distance: contract checks passed" in output
        assert "2 passed" in output
