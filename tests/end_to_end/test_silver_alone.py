"""Silver labels alone: ``finecl score FILE``, ``finecl clean``, ``finecl train`` without gold, and the Python API."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import finecl_formats
import pandas as pd
import pytest
from finecl_formats.jsonl import JSONLines

import finecl as package
from finecl.data.demo.corpora import DemoSettings, demo_corpora
from finecl.errors import SettingsError
from finecl.labels.table import write_table
from finecl.types import Document
from tests.end_to_end.conftest import Finecl, Small
from tests.end_to_end.test_data_commands import TRAINED, sentences

QUICK = {"proxy.num_train_epochs": 2, "proxy.folds": 2, "proxy.fold_epochs": 1, "pretrain.max_steps": 2}
SET = [f"--set={key}={value}" for key, value in QUICK.items()]


def written(name: str, path: Path) -> list[Document]:
    """Writes the sentences in a format and returns them as the format reads them."""
    format = finecl_formats.formats()[name]()
    format.write(sentences(typed=name not in ("semeval", "fewrel")), path)
    return list(format.read(path))


@pytest.mark.parametrize("name", TRAINED)
def test_every_format_is_scored_without_gold_and_cleaned_in_its_own_format(
    tmp_path: Path, small: Small, finecl: Finecl, name: str
) -> None:
    if name == "spacy":
        pytest.importorskip("spacy", reason="spaCy is not installed: pip install 'finecl[spacy]'")
    source, run = tmp_path / "source", tmp_path / "run"
    before = written(name, source)
    result = finecl("score", source, "--model", small.model, "--output-dir", run, "--quiet", *SET)
    assert result.code == 0, result.err
    assert result.out.startswith("24 labels of 2 relations in 24 documents\n")
    with (run / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["head"] for row in rows) == sorted(f"Person{n}" for n in range(24))
    assert [float(row["p_wrong"]) for row in rows] == sorted((float(row["p_wrong"]) for row in rows), reverse=True)

    out = tmp_path / "cleaned"
    result = finecl("clean", run, out, "--drop-share", "0.25", "--json", "--quiet")
    assert result.code == 0, result.err
    counts = json.loads(result.out)
    assert counts["drop"] == 6
    dropped = {row["head"] for row in rows[:6]}
    after = {document.title: document for document in finecl_formats.formats()[name]().read(out)}
    for document in before:
        if document.entities[0].mentions[0].name not in dropped:
            assert after.pop(document.title) == document
    assert {document.labels for document in after.values()} <= {()}, "only documents without labels may remain"
    assert finecl("data", "validate", out, "--quiet").code == 0
    with (tmp_path / "cleaned.changes.csv").open(newline="") as file:
        changes = list(csv.DictReader(file))
    assert {change["head"] for change in changes} == dropped
    assert {change["action"] for change in changes} == {"drop"}


def test_a_scorer_that_needs_gold_says_so(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    written("jsonl", tmp_path / "a.jsonl")
    options = ("--model", small.model, "--output-dir", tmp_path / "run", "--quiet")
    result = finecl("score", tmp_path / "a.jsonl", *options, "--scorer", "softmax-confidence")
    assert result.error_line().startswith("scorer 'softmax-confidence' needs gold documents, found none")
    assert not (tmp_path / "run" / "scores.parquet").exists()


def test_verdicts_in_the_table_refit_the_probabilities(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    written("jsonl", tmp_path / "a.jsonl")
    command = ("score", tmp_path / "a.jsonl", "--model", small.model, "--output-dir", tmp_path / "run", *SET)
    assert finecl(*command, "--quiet").code == 0
    table = pd.read_csv(tmp_path / "run" / "labels.csv")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["score"]["wrong_share_source"] == "mixture"
    table["verdict"] = ["right"] * 8 + ["wrong"] * 14 + [None] * 2  # against the scores
    table.to_csv(tmp_path / "judged.csv", index=False)
    result = finecl(*command, "--judged", tmp_path / "judged.csv", "--quiet")
    assert result.code == 0, result.err
    assert "imported 22 verdicts; skipped 2 labels without one" in result.err
    score = json.loads((tmp_path / "run" / "metrics.json").read_text())["score"]
    assert score["wrong_share_source"] == "verdicts"
    refitted = pd.read_csv(tmp_path / "run" / "labels.csv").set_index("uid")["p_wrong"]
    assert set(refitted[table["uid"][:8]]) == {0.0}
    assert set(refitted[table["uid"][8:22]]) == {1.0}
    assert (refitted[table["uid"][22:]] > 0.5).all(), "low noise went with the verdict wrong"


def test_rules_that_change_nothing_or_need_more_are_refused(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    written("jsonl", tmp_path / "a.jsonl")
    options = ("--model", small.model, "--output-dir", tmp_path / "run", "--no-suggestions", "--quiet", *SET)
    assert finecl("score", tmp_path / "a.jsonl", *options).code == 0
    out = tmp_path / "out.jsonl"
    assert finecl("clean", tmp_path / "run", out).error_line().startswith("nothing to change: give --drop")
    assert "needs suggested relations" in finecl("clean", tmp_path / "run", out, "--relabel", "0.5").error_line()
    assert not out.exists()


def test_training_without_gold_trains_an_extractor_and_evaluates_nothing(
    tmp_path: Path, small: Small, finecl: Finecl
) -> None:
    source, run = tmp_path / "silver.jsonl", tmp_path / "run"
    JSONLines().write(demo_corpora(1, DemoSettings(silver=40, train=1, dev=1, test=1)).silver, source)
    options = ("--model", small.model, "--output-dir", run, "--quiet", "--set=finetune.num_train_epochs=1", *SET)
    result = finecl("train", "--silver", source, "--preset", "silver", *options)
    assert result.code == 0, result.err
    assert "no gold documents: not evaluated" in result.out
    assert f"next: finecl review export {run} judge.jsonl" in result.out
    assert (run / "report.html").exists()
    assert [path.name for path in (run / "extractor").iterdir()] == ["pretrained"]
    predicted = finecl("predict", run, source, tmp_path / "triples.jsonl", "--quiet")
    assert predicted.code == 0, predicted.err


def table() -> pd.DataFrame:
    """Returns sentences as a user's table."""
    documents = sentences(typed=False)
    rows = [
        {
            "text": " ".join(document.sentences[0]),
            "head": document.entities[0].mentions[0].name,
            "relation": document.labels[0].relation,
            "tail": document.entities[1].mentions[0].name,
        }
        for document in documents
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("kind", ["path", "frame", "documents"])
def test_the_python_api_scores_paths_tables_and_documents(
    kind: str, tmp_path: Path, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a.csv"
    table().to_csv(path, index=False)
    data: Any = {"path": path, "frame": table(), "documents": sentences(typed=False)}[kind]
    settings = {**QUICK, "model.name": str(small.model)}
    scored = package.score(data, settings=settings)
    assert len(scored.labels) == 24
    assert {"sentence", "head", "relation", "tail", "noise", "rank", "p_wrong", "suggested"} <= set(scored.labels)
    assert str(scored.summary()).startswith("24 labels of 2 relations in 24 documents")
    assert "<table" in scored._repr_html_()
    cleaned = list(scored.clean(drop_share=0.5))
    assert sum(len(document.labels) for document in cleaned) == 12
    again = package.score(data, settings=settings)
    assert again.run.directory == scored.run.directory
    assert package.load_run(scored.run.directory).labels.equals(scored.labels)


def test_data_of_another_kind_are_refused() -> None:
    with pytest.raises(SettingsError, match="expected a path, a DataFrame"):
        package.score(3)


def test_a_name_that_the_text_does_not_hold_is_named(tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "a.csv").write_text("text,head,relation,tail\nAda met Bob.,Ada,met,Rob\n")
    line = finecl("score", tmp_path / "a.csv", "--quiet").error_line()
    assert line.startswith(f"{tmp_path}/a.csv: row 1, tail: expected a name in the text, got 'Rob'")


def test_jsonl_documents_keep_their_place_when_all_their_labels_go(
    tmp_path: Path, small: Small, finecl: Finecl
) -> None:
    run = tmp_path / "run"
    options = ("--model", small.model, "--output-dir", run, "--quiet", *SET)
    assert finecl("score", small.data / "silver.jsonl", *options).code == 0
    assert finecl("clean", run, tmp_path / "out.jsonl", "--drop", "0", "--quiet").code == 0
    before, after = (list(JSONLines().read(path)) for path in (small.data / "silver.jsonl", tmp_path / "out.jsonl"))
    assert [document.title for document in after] == [document.title for document in before]
    assert not any(document.labels for document in after)


def test_labels_of_whole_texts_are_scored_and_cleaned(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    rows = [(f"The {'goal' if n % 2 else 'soup'} was number {n}.", "sport" if n % 2 else "food", n) for n in range(24)]
    pd.DataFrame(rows, columns=["text", "label", "note"]).to_csv(tmp_path / "texts.csv", index=False)
    run = tmp_path / "run"
    result = finecl("score", tmp_path / "texts.csv", "--model", small.model, "--output-dir", run, "--quiet", *SET)
    assert result.code == 0, result.err
    assert result.out.startswith("24 labels of 2 relations in 24 documents\n")
    assert finecl("clean", run, tmp_path / "cleaned.csv", "--drop-share", "0.25", "--quiet").code == 0
    kept = pd.read_csv(tmp_path / "cleaned.csv")
    assert len(kept) == 18
    assert list(kept.columns) == ["text", "label", "note"]
    assert set(map(tuple, kept.to_numpy().tolist())) < set(rows)
    assert finecl("clean", run, tmp_path / "cleaned.jsonl", "--drop-share", "0.25", "--quiet").code == 0
    assert len(list(JSONLines().read(tmp_path / "cleaned.jsonl"))) == 24  # this format keeps documents without labels


def test_a_run_cleans_only_the_file_that_it_scored(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    source, other, run = tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "run"
    written("jsonl", source)
    options = ("--model", small.model, "--output-dir", run, "--no-suggestions", "--quiet", *SET)
    assert finecl("score", source, *options).code == 0
    other.write_text(source.read_text().replace("Person1", "Someone1"))
    command = ("--run", run, "--drop-share", "0.25", "--quiet")
    line = finecl("clean", other, tmp_path / "out.jsonl", *command).error_line()
    assert f"b.jsonl: expected the file that {run} scored" in line
    assert not (tmp_path / "out.jsonl").exists()
    other.write_bytes(source.read_bytes())
    assert finecl("clean", other, tmp_path / "out.jsonl", *command).code == 0


def test_the_scored_file_is_never_overwritten(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    source, run = tmp_path / "a.jsonl", tmp_path / "run"
    written("jsonl", source)
    before = source.read_bytes()
    options = ("--model", small.model, "--output-dir", run, "--no-suggestions", "--quiet", *SET)
    assert finecl("score", source, *options, "--out", tmp_path / "labels.jsonl", "--scorer", "learning-order").code == 0
    line = finecl("clean", run, source, "--drop", "0.5", "--quiet").error_line()
    assert "expected another file than the scored one" in line
    assert source.read_bytes() == before
    rows = [json.loads(row) for row in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert all(row["noise"] == "inf" or row["noise"] >= 1 for row in rows)


def test_infinite_noise_is_kept_in_json_lines(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"noise": [1.5, float("inf")]}), tmp_path / "a.jsonl")
    rows = [json.loads(row) for row in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert rows == [{"noise": 1.5}, {"noise": "inf"}]


def test_labels_that_all_mean_none_are_refused(tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "a.csv").write_text("text,head,relation,tail\nAda met Bob.,Ada,NA,Bob\n")
    line = finecl("score", tmp_path / "a.csv", "--output-dir", tmp_path / "run", "--quiet").error_line()
    assert "expected labels of relations, got only 'NA'" in line


def test_format_and_its_options_are_those_of_the_settings(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    source = tmp_path / "a.txt"
    written("opennre", source)
    with source.open("a") as file:
        file.write("{}\n")
    options = ("--model", small.model, "--output-dir", tmp_path / "run", "--no-suggestions", "--quiet", *SET)
    assert finecl("score", source, *options, "--set=data.format=opennre").code == 2
    result = finecl("score", source, *options, "--set=data.format=opennre", "--set=data.skip_faulty=true")
    assert result.code == 0, result.err
    assert result.out.startswith("24 labels")
