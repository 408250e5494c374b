"""``finecl evaluate PREDICTIONS GOLD``: every metric as JSON and as a table, and its errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finecl_cli.commands import evaluate as command
from finecl_formats.docred import DocRED
from finecl_formats.opennre import OpenNRE
from finecl_formats.tacred import TACRED

from finecl.metrics import write_bag_predictions, write_labels, write_semeval_labels
from finecl.pipeline.evaluate_files import METRICS
from finecl.types import Document, Entity, Label, Mention
from tests.end_to_end.conftest import Finecl
from tests.helpers.toy import GOLD, PREDICTED, TRAIN, document


@pytest.fixture
def docred(tmp_path: Path) -> list[Path]:
    """The toy case as files: predictions and gold, with training data in the same directory."""
    # The official script counts duplicates once; the writer does not write them.
    rows = [{"title": t, "h_idx": h, "t_idx": tail, "r": r, "evidence": [0]} for t, h, tail, r in PREDICTED]
    (tmp_path / "result.json").write_text(json.dumps(rows))
    DocRED().write(GOLD, tmp_path / "gold.json")
    DocRED().write(TRAIN, tmp_path / "train.json")
    DocRED().write([document("X", [["Alicia"], ["Rome"]], [(0, "P20", 1)])], tmp_path / "distant.json")
    return [tmp_path / "result.json", tmp_path / "gold.json"]


def sentences(*relations: str) -> list[Document]:
    ends = tuple(
        Entity(mentions=(Mention(sentence=0, start=i, end=i + 1, name=name, type="PER"),))
        for i, name in enumerate("ab")
    )
    return [
        Document(title=str(n), sentences=(("a", "b"),), entities=ends, labels=(Label(head=0, tail=1, relation=r),))
        for n, r in enumerate(relations)
    ]


def numbers(finecl: Finecl, *arguments: object) -> dict[str, Any]:
    result = finecl("evaluate", *arguments, "--json", "--quiet")
    assert result.code == 0, result.err
    assert result.err == ""
    values: dict[str, Any] = json.loads(result.out)
    return values


def test_the_command_knows_the_metrics_that_the_engine_knows() -> None:
    assert tuple(METRICS) == command.METRICS


def test_docred_scores_the_toy_case_of_the_official_script(docred: list[Path], finecl: Finecl) -> None:
    at = docred[0].parent
    options = ["--train", at / "train.json", "--distant", at / "distant.json"]
    scores = numbers(finecl, *docred, "--metric", "docred", *options)
    assert scores["metric"] == "docred"
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx((3 / 5, 3 / 4, 2 / 3))
    assert (scores["ign_f1"], scores["predicted"], scores["gold"], scores["correct"]) == pytest.approx((0.6, 5, 4, 3))
    assert scores["ign_distant_precision"] == 2 / 4
    assert scores["intra"]["f1"] == pytest.approx(2 * (3 / 4) * (3 / 4) / (3 / 2))  # all but the unknown title's
    assert scores["inter"]["predicted"] == 1
    assert scores["evidence"]["predicted"] == 4
    assert scores["macro_f1"] == pytest.approx(2.4 / 3)
    assert scores["groups"]["frequent"]["relations"] == ["P19"]
    assert scores["groups"]["long_tail"]["macro_f1"] == 1
    assert scores["by_relation"]["P19"]["support"] == 2


def test_docred_without_training_data_has_no_ign_f1(docred: list[Path], finecl: Finecl) -> None:
    scores = numbers(finecl, *docred, "--metric", "docred")
    assert scores["f1"] == pytest.approx(2 / 3)
    assert not [name for name in scores if name.startswith("ign") or name == "correct_in_train"]
    assert scores["groups"] == {}


def test_ign_f1_uses_the_current_training_file(docred: list[Path], finecl: Finecl) -> None:
    train = docred[0].parent / "train.json"
    arguments = [*docred, "--metric", "docred", "--train", train]
    before = sorted(train.parent.iterdir())
    assert numbers(finecl, *arguments)["ign_f1"] == pytest.approx(0.6)
    DocRED().write([document("T", [["Bob"], ["Rome"]], [(0, "P19", 1)])], train)
    assert numbers(finecl, *arguments)["ign_f1"] == pytest.approx(2 / 3)
    assert sorted(train.parent.iterdir()) == before  # the official script leaves train_annotated.fact


def test_docred_scores_chosen_relations_separately(docred: list[Path], finecl: Finecl) -> None:
    (docred[0].parent / "difficult.json").write_text('["P19"]')
    options = ["--metric", "docred", "--relations", docred[0].parent / "difficult.json", "--no-relation", "P27"]
    scores = numbers(finecl, *docred, *options)
    assert scores["groups"]["chosen"]["f1"] == pytest.approx(0.4)
    assert "P27" not in scores["by_relation"]


def test_semeval_takes_a_key_or_the_file_with_sentences(tmp_path: Path, finecl: Finecl) -> None:
    gold = {"8001": "Message-Topic(e1,e2)", "8002": "Product-Producer(e2,e1)", "8003": "Other"}
    write_semeval_labels(tmp_path / "key.txt", gold)
    blocks = [f'{n}\t"The <e1>a</e1> of <e2>b</e2>."\r\n{label}\r\nComment:\r\n\r\n' for n, label in gold.items()]
    (tmp_path / "full.txt").write_bytes("".join(blocks).encode())
    write_semeval_labels(tmp_path / "answers.txt", {**gold, "8002": "Product-Producer(e1,e2)"})
    scores = [
        numbers(finecl, tmp_path / "answers.txt", tmp_path / f, "--metric", "semeval") for f in ("key.txt", "full.txt")
    ]
    assert scores[0] == scores[1]
    assert (scores[0]["official_macro_f1"], scores[0]["undirected"]["macro_f1"]) == (1 / 2, 1)
    assert (scores[0]["directed"]["f1"], scores[0]["items"]) == (2 / 3, 3)  # the predicted direction is not in the key


def test_tacred_and_accuracy_take_one_label_per_line_or_sentences(tmp_path: Path, finecl: Finecl) -> None:
    gold = ["no_relation", "r", "s", "r"]
    write_labels(tmp_path / "gold.txt", gold)
    TACRED().write(sentences(*gold), tmp_path / "gold.json")
    write_labels(tmp_path / "p.txt", ["no_relation", "r", "r", "no_relation"])
    for name in ("gold.txt", "gold.json"):
        scores = numbers(finecl, tmp_path / "p.txt", tmp_path / name, "--metric", "tacred")
        assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx((1 / 2, 1 / 3, 0.4))
        scores = numbers(finecl, tmp_path / "p.txt", tmp_path / name, "--metric", "accuracy")
        assert (scores["accuracy"], scores["f1"], scores["items"]) == (2 / 4, 2 / 4, 4)
        scores = numbers(
            finecl, tmp_path / "p.txt", tmp_path / name, "--metric", "accuracy", "--no-relation", "no_relation"
        )
        assert (scores["accuracy"], scores["f1"]) == pytest.approx((2 / 4, 0.4))


def test_bag_ranks_scored_facts(tmp_path: Path, finecl: Finecl) -> None:
    OpenNRE().write(sentences("r", "NA"), tmp_path / "gold.jsonl")
    facts = [("a", "b", "r"), ("a", "b", "s"), ("a", "b", "NA")]
    write_bag_predictions(tmp_path / "p.jsonl", facts, [0.2, 0.1, 0.9])
    scores = numbers(finecl, tmp_path / "p.jsonl", tmp_path / "gold.jsonl", "--metric", "bag")
    assert (scores["precision_at_100"], scores["predicted"], scores["gold"], scores["max_f1"]) == (1 / 100, 2, 1, 1)
    assert scores["precision_at_mean"] == pytest.approx((1 / 100 + 1 / 200 + 1 / 300) / 3)


def test_numbers_are_tables_on_stdout(docred: list[Path], finecl: Finecl) -> None:
    result = finecl("evaluate", *docred, "--metric", "docred", "--train", docred[0].parent / "train.json", "--quiet")
    assert (result.code, result.err) == (0, "")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.out.splitlines() if "│" in line]
    assert ["f1", "66.67"] in rows
    assert ["ign f1", "60.00"] in rows
    assert ["predicted", "5"] in rows
    assert [row[:4] for row in rows if row[0] == "long tail"] == [["long tail", "100.00", "100.00", "100.00"]]
    assert ["P19", "33.33", "50.00", "40.00", "2"] in rows


# ---------------------------------------------------------------- errors


def test_a_run_and_files_are_not_mixed(docred: list[Path], finecl: Finecl, tmp_path: Path) -> None:
    predictions, gold = docred
    run = tmp_path / "run"
    run.mkdir()
    assert "choose a metric: --metric docred, semeval" in finecl("evaluate", predictions, gold).error_line()
    message = finecl("evaluate", run, "--metric", "docred", "--no-relation", "x").error_line()
    assert message.endswith("leave out --metric, --no-relation, or add the argument GOLD")
    assert "a file of predictions, got a directory" in finecl("evaluate", run, gold, "--metric", "docred").error_line()
    assert "expected a run directory" in finecl("evaluate", run).error_line()  # as without the option


@pytest.mark.parametrize(
    ("metric", "options", "complaint"),
    [
        ("semeval", ["--no-relation", "x"], "--metric semeval does not use --no-relation: leave it out"),
        (
            "tacred",
            ["--train", "a", "--distant", "b"],
            "--metric tacred does not use --train, --distant: leave it out",
        ),
        ("docred", ["--train", "nowhere.json"], "nowhere.json: expected a file, got nothing"),
        ("docred", ["--relations", "nowhere.json"], "nowhere.json: expected a readable file"),
        ("semeval", [], "gold.json: line 1: expected an id, a TAB and a label"),
        ("tacred", [], "expected 2 labels, one for each of"),
        ("bag", [], "prediction 1: expected the field 'entpair', got title, h_idx, t_idx, r, evidence"),
        ("exact", [], "'exact' is not one of 'docred', 'semeval', 'tacred', 'accuracy', 'bag'"),
    ],
)
def test_mismatched_files_give_one_line(
    docred: list[Path], finecl: Finecl, metric: str, options: list[str], complaint: str
) -> None:
    if metric == "tacred" and not options:
        DocRED().write(sentences_without_types("r", "s"), docred[1])
    assert complaint in finecl("evaluate", *docred, "--metric", metric, *options, "--quiet").error_line()


def sentences_without_types(*relations: str) -> list[Document]:
    return [document(str(n), [["a"], ["b"]], [(0, r, 1)]) for n, r in enumerate(relations)]


def test_documents_with_several_labels_are_not_sentences(docred: list[Path], finecl: Finecl) -> None:
    message = finecl("evaluate", *docred, "--metric", "accuracy", "--quiet").error_line()
    assert "document 1 ('D1'): expected one label, got 2; --metric docred scores documents of several" in message


@pytest.mark.parametrize("metric", METRICS)
def test_a_missing_file_of_predictions_gives_one_line(docred: list[Path], finecl: Finecl, metric: str) -> None:
    if metric == "semeval":
        write_semeval_labels(docred[1], {"1": "Other"})
    message = finecl("evaluate", "nowhere", docred[1], "--metric", metric, "--quiet").error_line()
    assert message.startswith("nowhere: expected a readable file, got 'No such file or directory'; check the path")
