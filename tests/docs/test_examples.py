"""The examples run as they are written, and show what they say they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.documents import ROOT

EXAMPLES = ROOT / "examples"


def run(name: str, directory: Path) -> str:
    """Runs a script in an empty directory; returns what it prints."""
    environment = {**os.environ, "FINECL_CACHE": str(directory / "cache")}
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_every_example_is_listed_and_has_a_test() -> None:
    listed = re.findall(r"^\| \[([\w.]+)\]", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb"))
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{name}"' in tests for name in listed)


def test_labels_are_scored_from_the_outputs_of_a_classifier(tmp_path: Path) -> None:
    aurocs = [float(number) for number in re.findall(r"AUROC.*: ([\d.]+)", run("own_classifier.py", tmp_path))]
    assert len(aurocs) == 2
    assert min(aurocs) > 0.9


@pytest.mark.slow
def test_the_learning_order_is_recorded_in_a_trainer(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra trackers is not installed: transformers' Trainer needs it")
    aurocs = [float(number) for number in re.findall(r"AUROC.*: ([\d.]+)", run("trainer.py", tmp_path))]
    assert len(aurocs) == 2
    assert min(aurocs) > 0.8


@pytest.mark.slow
def test_a_text_classification_data_set_is_cleaned(tmp_path: Path) -> None:
    printed = run("text_classification.py", tmp_path)
    before, after, kept = map(int, re.search(r"(\d+)% before, (\d+)% of the (\d+)", printed).groups())  # type: ignore[union-attr]
    assert before == 80
    assert after > 95
    assert kept > 85


@pytest.mark.slow
def test_the_notebook_runs_and_the_cleaned_table_is_cleaner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install 'finecl[test]'")
    import nbformat

    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "cache"))
    notebook = nbformat.read(EXAMPLES / "clean_a_table.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not stored, since they would go stale"
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [str(output) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("of the labels are wrong" in output and "text/html" in output for output in outputs)
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    shares = re.findall(r"(\w+)\.csv: (\d+)% of (\d+) labels are right", printed)
    right = {name: (int(share), int(labels)) for name, share, labels in shares}
    assert right["labels"] == (80, 150)
    assert right["dropped"][0] > 95
    assert right["relabelled"][0] > 90
    assert right["relabelled"][1] > right["dropped"][1]
