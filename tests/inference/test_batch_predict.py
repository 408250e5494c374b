"""``finecl predict``: files to triples, resuming after a kill, and errors."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars
import pytest
from finecl_formats.jsonl import JSONLines

from finecl.errors import FormatError
from finecl.inference import batch_predict
from finecl.inference.batch_predict import Predicting
from finecl.inference.relation_extractor import RelationExtractor
from finecl.types import Document, Entity, Mention
from tests.end_to_end.conftest import Finecl, finecl, finecl_process
from tests.helpers import extractors, tiny

__all__ = ["finecl", "finecl_process"]  # fixtures


@pytest.fixture
def model(models: dict[str, Path], tmp_path: Path) -> Path:
    return extractors.save(tmp_path / "model", models["bert"])


@pytest.fixture
def documents(tmp_path: Path) -> list[Document]:
    documents = tiny.documents(10, seed=6)
    JSONLines().write(documents, tmp_path / "in.jsonl")
    return documents


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_row_per_triple_in_both_formats(
    model: Path, documents: list[Document], tmp_path: Path, finecl: Finecl
) -> None:
    result = finecl("predict", model, tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--device", "cpu", "--json")
    assert result.code == 0, result.err
    assert "reading" in result.err
    summary = json.loads(result.out)
    extractor = RelationExtractor.from_pretrained(model, device="cpu")
    expected = [
        {"document": number, "title": document.title, **triple.to_dict()}
        for number, (document, triples) in enumerate(zip(documents, extractor(documents), strict=True))
        for triple in triples
    ]
    written = rows(tmp_path / "out.jsonl")
    assert written == expected
    assert (summary["documents"], summary["triples"], summary["resumed_from"]) == (10, len(written), 0)
    assert sum(summary["by_relation"].values()) == len(written) > 0
    result = finecl("predict", model, tmp_path / "in.jsonl", tmp_path / "out.parquet", "--device", "cpu", "--quiet")
    assert result.err == ""
    assert result.out.startswith(f"{len(written):,} triples of 10 documents: ")
    assert polars.read_parquet(tmp_path / "out.parquet").to_dicts() == written
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_threshold_and_pairs(model: Path, documents: list[Document], tmp_path: Path, finecl: Finecl) -> None:
    out = tmp_path / "out.jsonl"
    arguments = ["predict", model, tmp_path / "in.jsonl", out, "--quiet"]
    assert finecl(*arguments, "--threshold", "0.55").code == 0
    assert 0 < len(rows(out)) < 10 * 20 * 3
    assert min(row["probability"] for row in rows(out)) >= 0.55
    assert finecl(*arguments, "--threshold", "0", "--pairs", "labelled").code == 0
    labelled = {(n, label.head, label.tail) for n, d in enumerate(documents) for label in d.labels}
    assert {(row["document"], row["head"], row["tail"]) for row in rows(out)} == labelled
    assert len(rows(out)) == len(labelled) * len(extractors.RELATIONS)


def _broken_off(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Stops like a kill after some documents have been encoded."""
    stream = RelationExtractor.stream
    passed = 0

    def dying(self: RelationExtractor, documents: Any, **options: Any) -> Iterator[Any]:
        nonlocal passed
        for triples in stream(self, documents, **options):
            passed += 1
            if passed > after:
                raise KeyboardInterrupt
            yield triples

    monkeypatch.setattr(RelationExtractor, "stream", dying)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_an_interrupted_prediction_resumes_to_the_same_file(
    ending: str, model: Path, documents: list[Document], tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_predict, "PIECE", 3)
    uninterrupted, out = tmp_path / f"straight.{ending}", tmp_path / f"out.{ending}"
    assert finecl("predict", model, tmp_path / "in.jsonl", uninterrupted, "--quiet").code == 0
    with monkeypatch.context() as patch:
        _broken_off(patch, after=7)
        assert finecl("predict", model, tmp_path / "in.jsonl", out, "--quiet").code == 130
    assert not out.exists()
    partial = tmp_path / f".{out.name}.partial"
    with partial.open("ab") as stream:  # written partially after the last recorded position
        stream.write(b'{"document": 6, "ti')
    result = finecl("predict", model, tmp_path / "in.jsonl", out, "--quiet", "--json")
    summary = json.loads(result.out)
    assert (summary["resumed_from"], summary["documents"]) == (6, 10)
    assert out.read_bytes() == uninterrupted.read_bytes()
    assert summary["triples"] == (len(rows(out)) if ending == "jsonl" else polars.read_parquet(out).height)
    assert not partial.exists()


def test_other_inputs_or_options_start_again(
    model: Path, documents: list[Document], tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_predict, "PIECE", 3)
    arguments = ["predict", model, tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--quiet", "--json"]
    for change in (["--threshold", "0.4"], []):
        with monkeypatch.context() as patch:
            _broken_off(patch, after=7)
            assert finecl(*arguments).code == 130
        if not change:
            JSONLines().write([*documents[1:], documents[0]], tmp_path / "in.jsonl")
        assert json.loads(finecl(*arguments, *change).out)["resumed_from"] == 0


def test_raw_text_with_a_recogniser(model: Path, tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Ada met Curie in Gauss.")
    (tmp_path / "texts" / "b.txt").write_text("Nobody.")
    (tmp_path / "facts.tsv").write_text("Ada\tknows\tCurie\n")
    out = tmp_path / "out.jsonl"
    arguments = ["predict", model, tmp_path / "texts", out, "--threshold", "0", "--quiet"]
    assert finecl(*arguments, "--ner", f"names:{tmp_path / 'facts.tsv'}").code == 0
    assert {(row["title"], row["head_text"], row["tail_text"]) for row in rows(out)} == {
        ("a", "Ada", "Curie"),
        ("a", "Curie", "Ada"),
    }
    out.unlink()
    error = finecl(*arguments).error_line()
    assert "expected entities, found none in 2 documents; give documents with entities" in error
    assert not [p.name for p in tmp_path.iterdir() if "out.jsonl" in p.name]


def test_errors_leave_no_output(
    model: Path, documents: list[Document], tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    good = tmp_path / "in.jsonl"
    assert "ends with .jsonl or .parquet" in finecl("predict", model, good, tmp_path / "out.csv").error_line()
    assert "in an existing directory" in finecl("predict", model, good, tmp_path / "x" / "o.jsonl").error_line()
    assert "got nothing; check the path" in finecl("predict", model, tmp_path / "none.jsonl", out).error_line()
    assert "expected an extractor or a run" in finecl("predict", tmp_path, good, out, "--quiet").error_line()
    monkeypatch.setattr(batch_predict, "PIECE", 3)
    mention = dataclasses.replace(documents[8].entities[0].mentions[0], end=99)
    entity = dataclasses.replace(documents[8].entities[0], mentions=(mention,))
    broken = dataclasses.replace(documents[8], entities=(entity, *documents[8].entities[1:]))
    JSONLines().write([*documents[:8], broken], tmp_path / "broken.jsonl")
    message = finecl("predict", model, tmp_path / "broken.jsonl", out, "--quiet").error_line()
    assert "document 9 ('document 8'), entity 0" in message or "line 9" in message
    assert not [p.name for p in tmp_path.iterdir() if "out.jsonl" in p.name]


@pytest.mark.slow
def test_a_killed_process_resumes(models: dict[str, Path], tmp_path: Path, finecl_process: Finecl) -> None:
    """Sends SIGKILL between two chunks, then runs the same command again."""
    import signal
    import subprocess
    import sys
    import time

    from tests.end_to_end.conftest import environment

    model = extractors.save(tmp_path / "model", models["bert"])
    many = [dataclasses.replace(d, title=f"{n}") for n in range(60) for d in tiny.documents(20, seed=n)]
    JSONLines().write(many, tmp_path / "in.jsonl")
    arguments = ["predict", str(model), str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), "--quiet", "--json"]
    process = subprocess.Popen([sys.executable, "-m", "finecl_cli", *arguments], env=environment())
    for _ in range(600):
        if (tmp_path / ".out.jsonl.progress.json").exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out.jsonl").exists()
    result = finecl_process(*arguments)
    assert result.code == 0, result.err
    assert 0 < json.loads(result.out)["resumed_from"] < len(many)
    again = finecl_process(*arguments[:3], tmp_path / "straight.jsonl", "--quiet")
    assert again.code == 0, again.err
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "straight.jsonl").read_bytes()


class CountingRecogniser:
    """Finds the names of people, and counts the documents that it is given."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.count = names, 0

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            self.count += 1
            words = document.sentences[0]
            places = [(at, word) for at, word in enumerate(words) if word in self.names]
            entities = tuple(
                Entity(mentions=(Mention(sentence=0, start=at, end=at + 1, name=word),)) for at, word in places
            )
            yield replace(document, entities=entities, labels=())


def predicting(model: Path, output: Path, recogniser: CountingRecogniser) -> Predicting:
    extractor = RelationExtractor.from_pretrained(model, device="cpu", ner=recogniser)
    return Predicting(extractor=extractor, output=output, made_from="test", threshold=0.0)


def without_entities(count: int, text: str) -> list[Document]:
    return [Document(title=str(n), sentences=(tuple(text.split()),), entities=()) for n in range(count)]


def test_a_recogniser_reads_each_document_once_also_where_it_finds_nothing(model: Path, tmp_path: Path) -> None:
    recogniser = CountingRecogniser(("Ada", "Curie"))
    documents = [*without_entities(3, "nobody met anybody"), *without_entities(2, "Ada met Curie")]
    predicted = predicting(model, tmp_path / "out.jsonl", recogniser).run(documents)
    assert (predicted.documents, predicted.entities) == (5, 4)
    assert recogniser.count == 5


def test_entities_may_begin_after_the_first_piece_of_a_file(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_predict, "PIECE", 3)
    documents = [*without_entities(7, "nobody met anybody"), *without_entities(1, "Ada met Curie")]
    predicted = predicting(model, tmp_path / "out.jsonl", CountingRecogniser(("Ada", "Curie"))).run(documents)
    assert predicted.triples > 0
    with pytest.raises(FormatError, match="the recogniser of --ner finds none"):
        predicting(model, tmp_path / "none.jsonl", CountingRecogniser(())).run(documents)
    assert sorted(path.name for path in tmp_path.glob("*none.jsonl*")) == []
