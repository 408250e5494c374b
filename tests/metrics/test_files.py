"""Tests of prediction files: official scorers accept them, and errors name their place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finecl.errors import FormatError
from finecl.metrics import (
    Fact,
    NamedFact,
    read_bag_predictions,
    read_docred_results,
    read_labels,
    write_bag_predictions,
    write_docred_results,
    write_labels,
)

ROW = {"title": "D", "h_idx": 0, "t_idx": 1, "r": "P1", "evidence": [0]}
BAG = {"entpair": ["h", "t"], "relation": "r", "score": 0.5}


def test_docred_results_come_back_with_each_fact_once_and_its_first_evidence(tmp_path: Path) -> None:
    facts: list[Fact] = [("D", 0, 1, "P1"), ("Ë", 1, 0, "P2"), ("D", 0, 1, "P1")]
    write_docred_results(tmp_path / "deep" / "result.json", facts, {facts[0]: (2, 0)})
    rows = json.loads((tmp_path / "deep" / "result.json").read_text(encoding="utf-8"))
    assert rows == [
        {"title": "D", "h_idx": 0, "t_idx": 1, "r": "P1", "evidence": [2, 0]},
        {"title": "Ë", "h_idx": 1, "t_idx": 0, "r": "P2", "evidence": []},
    ]
    assert read_docred_results(tmp_path / "deep" / "result.json") == {facts[0]: (2, 0), facts[1]: ()}
    (tmp_path / "twice").write_text(
        json.dumps([ROW, ROW | {"evidence": [1]}, {k: v for k, v in ROW.items() if k != "evidence"}])
    )
    assert read_docred_results(tmp_path / "twice") == {("D", 0, 1, "P1"): (0,)}


def test_no_facts_are_an_empty_list(tmp_path: Path) -> None:
    write_docred_results(tmp_path / "result.json", [])
    assert read_docred_results(tmp_path / "result.json") == {}


def test_labels_come_back(tmp_path: Path) -> None:
    write_labels(tmp_path / "a", ["no_relation", "per:title"])
    assert (tmp_path / "a").read_bytes() == b"no_relation\nper:title\n"
    assert read_labels(tmp_path / "a") == ["no_relation", "per:title"]
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbfno_relation\r\nper:title")
    assert read_labels(tmp_path / "b") == ["no_relation", "per:title"]


@pytest.mark.parametrize("label", ["", " ", "a\nb", "a\n"])
def test_a_label_that_is_no_line_is_not_written(tmp_path: Path, label: str) -> None:
    with pytest.raises(FormatError, match="label 2: expected a text on one line"):
        write_labels(tmp_path / "a", ["r", label])
    assert list(tmp_path.iterdir()) == []


def test_bag_predictions_come_back_from_lines_and_from_a_list(tmp_path: Path) -> None:
    facts: list[NamedFact] = [("h", "t", "r"), ("h", "t", "s")]
    write_bag_predictions(tmp_path / "lines", facts, [0.25, 1])
    (tmp_path / "list").write_text("[" + ",".join((tmp_path / "lines").read_text().splitlines()) + "]")
    for name in ("lines", "list"):
        facts_read, scores = read_bag_predictions(tmp_path / name)
        assert facts_read == facts
        assert scores == [0.25, 1]


def changed(row: dict[str, Any], **fields: Any) -> str:
    return json.dumps([row, row | fields])


@pytest.mark.parametrize(
    ("read", "content", "complaint"),
    [
        (read_labels, "r\n\ns\n", "line 2: expected a label, got an empty line"),
        (read_labels, "r\n\n", "line 2: expected a label, got an empty line"),
        (read_labels, b"r\n\xff\n", "line 2: expected UTF-8, got byte 0xff"),
        (read_labels, "", "expected predictions, got an empty file"),
        (
            read_docred_results,
            "[{]",
            "expected JSON, got 'Expecting property name enclosed in double quotes' at line 1",
        ),
        (read_docred_results, "[[1]]", "prediction 1: expected an object, got [1]"),
        (read_docred_results, "3", "expected a list of predictions, got 3"),
        (read_docred_results, "[" * 100_000, "expected JSON, got"),
        (read_docred_results, '[{"title": "D"}]', "prediction 1: expected the field 'r', got title; add it"),
        (read_docred_results, changed(ROW, h_idx="0"), "prediction 2, h_idx: expected a whole number, got '0'"),
        (read_docred_results, changed(ROW, t_idx=True), "prediction 2, t_idx: expected a whole number, got True"),
        (read_docred_results, changed(ROW, title=None), "prediction 2, title: expected a text, got None"),
        (read_docred_results, changed(ROW, evidence=3), "prediction 2, evidence: expected a list, got 3"),
        (read_docred_results, changed(ROW, evidence=["0"]), "evidence: expected numbers of sentences, got '0'"),
        (read_bag_predictions, changed(BAG, entpair=["h"]), "entpair: expected the ids of head and tail, got ['h']"),
        (read_bag_predictions, changed(BAG, score="1"), "prediction 2, score: expected a number, got '1'"),
        (read_bag_predictions, changed(BAG, score=float("nan")), "expected JSON, got 'NaN, which is not JSON'"),
        (read_bag_predictions, changed(BAG).replace("0.5", "1e999"), "prediction 1, score: expected a finite number"),
        (read_bag_predictions, f"{json.dumps(BAG)}\n{{\n", "line 2: expected JSON, got"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(
    tmp_path: Path, read: Callable[[Path], object], content: str | bytes, complaint: str
) -> None:
    (tmp_path / "a").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(FormatError, match=re.escape(complaint)) as error:
        read(tmp_path / "a")
    assert str(error.value).startswith(f"{tmp_path / 'a'}: ")


@pytest.mark.parametrize("read", [read_labels, read_docred_results, read_bag_predictions])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(FormatError, match="a: expected a readable file, got 'No such file or directory'"):
        read(tmp_path / "a")
