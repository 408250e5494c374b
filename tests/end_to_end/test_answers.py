"""Scores that cannot mean anything are refused, and labels that mean "no relation" under another name are told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from finecl_formats.jsonl import JSONLines

from finecl.text.none_names import is_none_name
from finecl.types import Document
from tests.end_to_end.conftest import CommandResult, Finecl, Small
from tests.helpers import tiny
from tests.helpers.cases import case


def gold(*labels: tuple[int, str, int]) -> Document:
    return tiny.document("one", ["Ada met Babbage in Paris"], ["Ada", "Babbage", "Paris"], *labels)


def told(arguments: list[str]) -> list[str]:
    return [argument for argument in arguments if argument != "--quiet"]


def score(tmp_path: Path, finecl: Finecl, documents: list[Document], titles: list[str]) -> CommandResult:
    JSONLines().write(documents, tmp_path / "gold.jsonl")
    rows = [{"title": title, "h_idx": 0, "t_idx": 1, "r": "met"} for title in titles]
    (tmp_path / "result.json").write_text(json.dumps(rows))
    return finecl("evaluate", tmp_path / "result.json", tmp_path / "gold.jsonl", "--metric", "docred")


@pytest.mark.parametrize("labels", [(), ((0, "no_relation", 1),)])
def test_gold_without_labels_is_refused(
    tmp_path: Path, finecl: Finecl, labels: tuple[tuple[int, str, int], ...]
) -> None:
    line = score(tmp_path, finecl, [gold(*labels)], ["one"]).err
    assert "expected labels to score against, got none in 1 documents" in line


def test_predictions_for_other_documents_are_refused_or_told(tmp_path: Path, finecl: Finecl) -> None:
    line = score(tmp_path, finecl, [gold((0, "met", 1))], ["two", "three"]).err
    assert "such as 'one', got only others, such as 'three'" in line
    result = score(tmp_path, finecl, [gold((0, "met", 1))], ["one", "two"])
    assert result.code == 0
    assert "1 predictions are for 1 titles that gold does not have, such as 'two'" in result.err


@pytest.mark.parametrize("name", ["NA", "Na", "none", "null", "Other", "no_relation", "N/A", "no-relation"])
def test_names_of_none_are_recognised(name: str) -> None:
    assert is_none_name(name)
    assert not any(map(is_none_name, ("born in", "nationality", "another", "P19", "neighbour")))


@pytest.mark.parametrize(("metric", "name"), [("tacred", "NA"), ("accuracy", "Other"), ("tacred", "none")])
def test_a_name_of_none_that_counts_as_a_relation_is_told(
    tmp_path: Path, finecl: Finecl, metric: str, name: str
) -> None:
    (tmp_path / "gold.txt").write_text(f"{name}\nborn in\n")
    (tmp_path / "predicted.txt").write_text(f"{name}\n{name}\n")
    files = ("evaluate", tmp_path / "predicted.txt", tmp_path / "gold.txt", "--metric", metric)
    result = finecl(*files)
    assert f"the label '{name}' counts as a relation; if it means none, give --no-relation {name}" in result.err
    result = finecl(*files, "--no-relation", name, "--json")
    assert "counts as a relation" not in result.err
    assert json.loads(result.out)["f1"] == 0


def test_the_case_of_another_name_for_none(tmp_path: Path, finecl: Finecl) -> None:
    at = case("13-other-name-for-none", tmp_path)
    files = ("evaluate", at / "predicted.txt", at / "gold.txt", "--metric", "tacred", "--json")
    result = finecl(*files)
    assert (result.code, json.loads(result.out)["f1"]) == (0, pytest.approx(0.8))
    assert "the label 'NA' counts as a relation" in result.err
    result = finecl(*files, "--no-relation", "NA")
    assert (result.code, json.loads(result.out)["f1"]) == (0, 0.0)


def test_training_on_labels_that_all_mean_none_is_refused_and_on_some_is_told(
    tmp_path: Path, small: Small, finecl: Finecl
) -> None:
    def renamed(split: str, name: str, at_most: int) -> list[Document]:
        labels = {d.title: [replace(x, relation=name) for x in d.labels[:at_most]] for d in small.documents[split]}
        return [replace(d, labels=(*labels[d.title], *d.labels[at_most:])) for d in small.documents[split]]

    every = {split: renamed(split, "NA", 99) for split in small.documents}
    result = finecl(*small.copy(tmp_path / "all", **every).arguments(tmp_path / "run"))
    assert "expected labels of relations, got only 'NA'" in result.error_line()
    some = small.copy(tmp_path / "some", silver=renamed("silver", "NA", 1))
    result = finecl(*told(some.arguments(tmp_path / "run2", proxy__num_train_epochs=1)), "--stop-after", "score")
    assert result.code == 0, result.err
    assert "the label 'NA' counts as a relation; if it means none, give data.no_relation=NA" in result.err


def test_pairs_without_a_common_sentence_are_counted_in_training_and_prediction(
    tmp_path: Path, small: Small, finecl: Finecl
) -> None:
    relation = small.documents["train"][0].labels[0].relation
    far = tiny.document("far", ["Ada left .", "Babbage stayed ."], ["Ada", "Babbage"], (0, relation, 1))
    both = small.copy(tmp_path / "data", train=[*small.documents["train"], far])
    arguments = both.arguments(tmp_path / "run", finetune__extractor="markers", method="none")
    result = finecl(*told(arguments))
    assert result.code == 0, result.err
    assert "labels join entities without a common sentence; marked sentences leave them out" in result.err
    result = finecl("predict", tmp_path / "run", both.data / "train.jsonl", tmp_path / "out.jsonl", "--json", "--quiet")
    assert json.loads(result.out)["pairs_left_out"] > 0
