"""Files as people bring them: offsets of other tools, other ids and fields, no labels, faulty and empty records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finecl_formats.jsonl import JSONLines

from finecl.types import Document
from tests.end_to_end.conftest import Finecl, Small
from tests.helpers.cases import case

TEXT = "Привет 🙂🙂 Anna met Bob Ross"


def converted(finecl: Finecl, file: Path, *options: object) -> list[Document]:
    out = file.with_name("converted.jsonl")
    result = finecl("data", "convert", file, out, "--quiet", *options)
    assert result.code == 0, result.err
    return list(JSONLines().read(out))


def names(documents: list[Document]) -> list[str]:
    return [mention.name for d in documents for entity in d.entities for mention in entity.mentions]


def units(text: str, of: str, kind: str) -> int:
    before = text[: text.index(of)]
    return {"characters": len(before), "utf-16": len(before.encode("utf-16-le")) // 2, "bytes": len(before.encode())}[
        kind
    ]


def task(kind: str, *, told: bool, inclusive: bool = False) -> dict[str, Any]:
    regions = []
    for name in ("Anna", "Bob Ross"):
        start = units(TEXT, name, kind)
        value = {"start": start, "end": start + len(name) - inclusive, "labels": ["Person"]} | (
            {"text": name} if told else {}
        )
        regions.append({"id": name, "type": "labels", "value": value})
    link = {"type": "relation", "from_id": "Anna", "to_id": "Bob Ross", "labels": ["met"]}
    return {"id": 1, "data": {"text": TEXT}, "annotations": [{"result": [*regions, link]}]}


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("kind", ["characters", "utf-16", "bytes"])
def test_the_stored_text_decides_what_offsets_count(tmp_path: Path, finecl: Finecl, kind: str, inclusive: bool) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps([task(kind, told=True, inclusive=inclusive)]))
    assert names(converted(finecl, tmp_path / "tasks.json")) == ["Anna", "Bob Ross"]


@pytest.mark.parametrize("kind", ["characters", "utf-16", "bytes"])
def test_without_stored_text_words_or_an_option_decide(tmp_path: Path, finecl: Finecl, kind: str) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps([task(kind, told=False)]))
    options = ("--format-option", f"offsets={kind}") if kind == "bytes" else ()
    assert names(converted(finecl, tmp_path / "tasks.json", *options)) == ["Anna", "Bob Ross"]


def test_offsets_whose_unit_nothing_decides_are_refused(tmp_path: Path, finecl: Finecl) -> None:
    row = {"id": 1, "text": "🙂東京大学は東京", "relations": []}
    row["entities"] = [{"id": 1, "start_offset": 2, "end_offset": 4, "label": "X"}]
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    line = finecl("data", "convert", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--quiet").error_line()
    assert "give --format-option offsets=characters, or utf-16" in line
    assert names(converted(finecl, tmp_path / "a.jsonl", "--format-option", "offsets=utf-16")) == ["東京"]
    assert names(converted(finecl, tmp_path / "a.jsonl", "--format-option", "offsets=characters")) == ["京大"]


def test_options_of_a_format_are_checked(tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps([task("characters", told=True)]))
    files = ("data", "convert", tmp_path / "tasks.json", tmp_path / "b.jsonl", "--quiet")
    assert "has no setting 'unit'; it has: " in finecl(*files, "--format-option", "unit=x").error_line()
    assert "expected KEY=VALUE, got 'offsets'" in finecl(*files, "--format-option", "offsets").error_line()


def test_brat_and_opennre_of_javascript_tools_are_read(tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text(TEXT, encoding="utf-8")
    at = units(TEXT, "Anna", "utf-16")
    (tmp_path / "brat" / "a.ann").write_text(f"T1\tPerson {at} {at + 4}\tAnna\n", encoding="utf-8")
    assert names(converted(finecl, tmp_path / "brat")) == ["Anna"]
    row = {
        "text": TEXT,
        "h": {"name": "Anna", "pos": [at, at + 4]},
        "t": {"name": "Bob Ross", "pos": [at + 9, at + 17]},
    }
    (tmp_path / "nre.txt").write_text(json.dumps(row))
    assert names(converted(finecl, tmp_path / "nre.txt")) == ["Anna", "Bob Ross"]


@pytest.mark.parametrize(
    ("html", "field"),
    [
        ("<h1>Anna</h1><p>met <i>Bob</i></p>", "text"),
        ("<div>Anna&nbsp;&amp; Bob</div>", "page"),
        ("<b>Anna</b> Bob", "html"),
    ],
)
def test_hypertext_regions_count_in_the_rendered_text(tmp_path: Path, finecl: Finecl, html: str, field: str) -> None:
    from finecl_formats.hypertext import rendered

    regions = []
    for name in ("Anna", "Bob"):
        start = rendered(html).index(name)
        value = {
            "start": "/p[1]",
            "end": "/p[1]",
            "globalOffsets": {"start": start, "end": start + len(name)},
            "text": name,
        }
        regions.append({"id": name, "type": "hypertextlabels", "value": value | {"hypertextlabels": ["P"]}})
    tasks = [{"id": 4, "data": {field: html, "note": "seen"}, "predictions": [{"result": regions}]}]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    assert names(converted(finecl, tmp_path / "tasks.json")) == ["Anna", "Bob"]


def test_sentences_without_a_relation_are_read_and_converted(tmp_path: Path, finecl: Finecl) -> None:
    row = {"token": ["Bob", "likes", "Rome"], "h": {"name": "Bob", "pos": [0, 1]}, "t": {"name": "Rome", "pos": [2, 3]}}
    (tmp_path / "a.txt").write_text(json.dumps(row))
    tacred = {"id": "7", "token": row["token"], "subj_start": 0, "subj_end": 0, "obj_start": 2, "obj_end": 2}
    (tmp_path / "a.json").write_text(json.dumps([tacred]))
    for file in ("a.txt", "a.json"):
        (document,) = converted(finecl, tmp_path / file)
        assert (len(document.entities), document.labels) == (2, ())


def test_faulty_documents_are_left_out_and_listed(tmp_path: Path, finecl: Finecl) -> None:
    good: dict[str, Any] = {"title": "a", "sents": [["Bob", "met", "Eve"]], "labels": []}
    good["vertexSet"] = [[{"name": n, "sent_id": 0, "pos": [at, at + 1]}] for n, at in (("Bob", 0), ("Eve", 2))]
    itself: dict[str, Any] = good | {"title": "b", "labels": [{"head": 1, "tail": 1, "relation": "met"}]}
    far = good | {"title": "c", "vertexSet": [[{"name": "Bob", "sent_id": 9, "pos": [0, 1]}]]}
    lines = [json.dumps(row) for row in (good, itself, far, good | {"title": "d"})]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:3], "{broken", lines[3]]))
    files = ("data", "convert", tmp_path / "a.jsonl", tmp_path / "out.jsonl")
    assert finecl(*files, "--quiet").code == 2
    result = finecl(*files, "--skip-faulty")
    assert result.code == 0, result.err
    assert "left out 2 faulty documents and 1 faulty labels, kept 3" in result.err
    assert [d.title for d in JSONLines().read(tmp_path / "out.jsonl")] == ["a", "b", "d"]
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl.skipped.jsonl").read_text().splitlines()]
    assert [set(row) for row in rows] == [{"place", "fault"}] * 3
    assert "another entity than the head" in rows[0]["fault"]
    (tmp_path / "b.jsonl").write_text(lines[2])
    result = finecl("data", "convert", tmp_path / "b.jsonl", tmp_path / "out2.jsonl", "--skip-faulty", "--quiet")
    assert "expected a valid document, got none (--skip-faulty leaves out all 1)" in result.error_line()


def test_training_leaves_out_faulty_documents_and_reads_options_of_formats(
    tmp_path: Path, small: Small, finecl: Finecl
) -> None:
    copy = small.copy(tmp_path / "data")
    silver = copy.data / "silver.jsonl"
    silver.write_text(silver.read_text() + "{broken\n")
    arguments = copy.arguments(tmp_path / "run", proxy__num_train_epochs=1)
    assert "silver.jsonl: line 15" in finecl(*arguments, "--stop-after", "score").error_line()
    told = [argument for argument in arguments if argument != "--quiet"]
    result = finecl(*told, "--stop-after", "score", "--skip-faulty")
    assert result.code == 0, result.err
    assert "silver.jsonl: left out 1 faulty documents and 0 faulty labels, kept 14 documents" in result.err
    arguments = copy.arguments(tmp_path / "other")
    line = finecl(*arguments, "--set", "data.format_options=unit=x").error_line()
    assert "has no setting 'unit'" in line


def test_an_empty_text_has_no_triples_and_the_others_are_predicted(
    tmp_path: Path, finecl: Finecl, finished_run: Path
) -> None:
    (tmp_path / "texts").mkdir()
    for name, text in (("a", "Bob met Eve."), ("b", ""), ("c", " \n")):
        (tmp_path / "texts" / f"{name}.txt").write_text(text)
    (tmp_path / "names.tsv").write_text("Bob\tmet\tEve\n")
    arguments = ("--ner", f"names:{tmp_path / 'names.tsv'}", "--threshold", 0, "--json", "--quiet")
    result = finecl("predict", finished_run, tmp_path / "texts", tmp_path / "o.jsonl", *arguments)
    assert result.code == 0, result.err
    assert json.loads(result.out)["documents"] == 3
    assert {json.loads(line)["title"] for line in (tmp_path / "o.jsonl").read_text().splitlines()} == {"a"}


def test_an_extractor_without_entities_and_recogniser_says_so(finished_run: Path) -> None:
    from finecl import RelationExtractor
    from finecl.errors import SettingsError

    extractor = RelationExtractor.from_pretrained(finished_run)
    assert extractor("") == []
    assert extractor("Bob met Eve", entities=[]) == []
    with pytest.raises(
        SettingsError, match=r"expected entities, got none in the text and no recogniser: give entities="
    ):
        extractor("Bob met Eve")


@pytest.mark.parametrize("name", ["silent", "told"])
def test_the_case_of_utf_16_offsets(tmp_path: Path, finecl: Finecl, name: str) -> None:
    at = case("05-label-studio-offsets", tmp_path)
    assert names(converted(finecl, at / f"{name}.json")) == ["Acme Corp", "Beta Ltd"]


@pytest.mark.parametrize("name", ["hyper", "field"])
def test_the_case_of_hypertext_and_another_field(tmp_path: Path, finecl: Finecl, name: str) -> None:
    at = case("06-label-studio-hypertext", tmp_path)
    (document,) = converted(finecl, at / f"{name}.json")
    assert (names([document]), len(document.labels)) == (["Acme Corp", "Beta Ltd"], 1)


def test_the_case_of_text_ids(tmp_path: Path, finecl: Finecl) -> None:
    (document,) = converted(finecl, case("07-doccano-ids", tmp_path) / "docs.jsonl")
    assert len(document.labels) == 1


@pytest.mark.parametrize("arguments", [["opennre.txt"], ["opennre.txt", "--format", "opennre"], ["tacred.json"]])
def test_the_case_of_unlabelled_sentences(
    tmp_path: Path, finecl: Finecl, finished_run: Path, arguments: list[str]
) -> None:
    at = case("08-unlabelled-sentences", tmp_path)
    file, *options = arguments
    result = finecl("predict", finished_run, at / file, tmp_path / "o.jsonl", *options, "--json", "--quiet")
    assert result.code == 0, result.err
    assert json.loads(result.out)["documents"] == 1


def test_the_case_of_one_empty_text_and_a_repeated_label(tmp_path: Path, finecl: Finecl, finished_run: Path) -> None:
    at = case("14-one-empty-text", tmp_path)
    ner = ("--ner", f"names:{at / 'names.tsv'}", "--quiet")
    assert finecl("predict", finished_run, at / "texts", tmp_path / "o.jsonl", *ner).code == 0
    files = ("data", "convert", at / "duplicate.jsonl", tmp_path / "o.parquet", "--quiet", "--json")
    assert finecl(*files).code == 2
    assert json.loads(finecl(*files, "--skip-faulty").out)["labels"] == 1
