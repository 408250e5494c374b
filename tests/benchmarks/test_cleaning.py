"""The comparison of extractors trained on silver labels and on cleaned ones."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from finecl_benchmarks.cleaning import CLEANINGS, measure_cleaning
from finecl_benchmarks.runs import SuiteContext, finished_run
from finecl_benchmarks.suite_files import read_suite

from finecl import registry
from finecl.errors import SettingsError
from finecl.progress import Listener
from tests.helpers import tiny

RELATIONS = ("founded by", "capital of", "part of")
SUITE = """
[[grid]]
kind = "cleaning"
methods = ["none"]
cleanings = [{cleanings}]
rates = [0.4]
seeds = [0]
[silver]
file = "silver.txt"
noise = "uniform"
test = "test.txt"
[settings]
preset = "silver"
"model.name" = "{model}"
"scorer.name" = "area-under-margin"
"proxy.extractor" = "markers"
"proxy.num_train_epochs" = 3
"proxy.fold_epochs" = 1
"proxy.folds" = 2
"finetune.extractor" = "markers"
"finetune.num_train_epochs" = 1
"""


def write_sentences(path: Path, count: int) -> None:
    """Writes sentences in OpenNRE's format whose relation is one of their words."""
    lines = []
    for n in range(count):
        relation = RELATIONS[n % len(RELATIONS)]
        tokens = [f"head{n}", *relation.split(), f"tail{n}", "."]
        ends = {"h": {"name": f"head{n}", "pos": [0, 1]}, "t": {"name": f"tail{n}", "pos": [3, 4]}}
        lines.append(json.dumps({"token": tokens, "relation": relation, **ends}))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of each cleaning, and the run's directory."""
    at = tmp_path_factory.mktemp("cleaning")
    write_sentences(at / "silver.txt", 60)
    write_sentences(at / "test.txt", 15)
    model = tiny.save_model(at / "bert", "bert")
    names = ", ".join(f'"{name}"' for name in CLEANINGS)
    (at / "suite.toml").write_text(SUITE.format(model=model, cleanings=names))
    known = registry.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINECL_DATA", str(at))
        patch.setenv("FINECL_CACHE", str(at / "cache"))
        context = SuiteContext(at / "work", known, Listener())
        experiments = read_suite(str(at / "suite.toml"), known).experiments
        run = finished_run(experiments[0], context, "score")
        measured = {each.varied["cleaning"]: measure_cleaning(run, each.varied["cleaning"], "test.txt")
                    for each in experiments}  # fmt: skip
    return measured | {"run": run.directory, "silver": at / "work" / "silver"}


def labels(path: Path) -> dict[str, str]:
    """Returns the relation of each document's label by the document's title."""
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    return {document["title"]: document["labels"][0]["relation"] for document in documents}


def test_counts_of_changes_are_those_of_the_written_files(records: dict[str, Any]) -> None:
    (corrupted,) = records["silver"].glob("silver-uniform*.jsonl")
    silver, gold = labels(corrupted), labels(records["run"] / "gold.jsonl")
    assert set(gold) == set(silver)
    wrong = {title for title in silver if silver[title] != gold[title]}
    assert len(wrong) == round(0.4 * len(silver))
    kept = labels(records["run"] / "dropped.jsonl")
    dropped = records["dropped"]["changes"]["drop"]
    gone = set(silver) - set(kept)
    assert dropped == {"made": len(gone), "right": len(gone & wrong), "of_right_labels": len(gone - wrong)}
    assert 0 < dropped["made"] == len(silver) - records["dropped"]["labels"]
    new = labels(records["run"] / "relabelled.jsonl")
    renamed = {title for title in new if new[title] != silver[title]}
    changes = records["relabelled"]["changes"].get("relabel", {"made": 0, "right": 0, "of_right_labels": 0})
    assert changes == {
        "made": len(renamed),
        "right": sum(new[title] == gold[title] for title in renamed),
        "of_right_labels": len(renamed - wrong),
    }


def test_all_gold_and_weighted_have_every_label(records: dict[str, Any]) -> None:
    assert {records[name]["labels"] for name in ("all", "gold", "weighted")} == {60}
    assert records["all"]["changes"] == records["gold"]["changes"] == records["weighted"]["changes"] == {}


def test_extractors_on_other_labels_differ_and_answer_all_test_sentences(records: dict[str, Any]) -> None:
    for name in CLEANINGS:
        outcomes = records[name]["outcomes"]
        hits = [a == g for a, g in zip(outcomes["answers"], outcomes["gold"], strict=True)]
        assert len(hits) == 15
        assert records[name]["accuracy"] == pytest.approx(sum(hits) / 15)


def test_the_estimate_stands_beside_the_truth(records: dict[str, Any]) -> None:
    estimate = records["all"]["estimate"]
    assert estimate["wrong"] == pytest.approx(0.4)
    low, high = estimate["interval"]
    assert 0 <= low <= estimate["estimated"] <= high <= 1
    assert 0 <= estimate["ece"] <= 1


def test_labels_of_unknown_truth_are_refused(records: dict[str, Any], tmp_path: Path) -> None:
    table = pq.read_table(records["run"] / "scores.parquet")
    pq.write_table(table.drop_columns(["truth"]), tmp_path / "scores.parquet")
    run: Any = SimpleNamespace(files=SimpleNamespace(scores=tmp_path / "scores.parquet"))
    with pytest.raises(SettingsError, match="expected labels with known truth"):
        measure_cleaning(run, "all", "test.txt")
