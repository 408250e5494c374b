"""Formats of tokens, spans and relations: the built-in declarations, one of the user's own, and PubTator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finecl_formats import formats
from finecl_formats.pubtator import PubTator
from finecl_formats.span_lists import SpanLists

from finecl.data.formats import recognise
from finecl.data.validate import validate
from finecl.errors import FormatError, SettingsError
from finecl.registry import load
from finecl.types import Document
from tests.helpers.cases import case

WORDS = ["Ada", "Lovelace", "wrote", "to", "Charles", "."]


def facts(document: Document) -> set[tuple[str, str, str]]:
    names = [entity.mentions[0].name for entity in document.entities]
    return {(names[label.head], label.relation, names[label.tail]) for label in document.labels}


def records(name: str) -> Any:
    spans: list[Any]
    if name == "dygie":
        spans = [[[0, 1, "P"], [4, 4, "P"]], [[6, 6, "P"]]]
        relations = [[[0, 1, 4, 4, "wrote to", 9.1, 0.9]], []]
        sentences = [WORDS, ["She", "slept"]]
        return {
            "doc_key": "k",
            "sentences": sentences,
            "ner": spans,
            "relations": relations,
            "clusters": [[[0, 1], [6, 6]]],
        }
    if name == "crossre":
        link = [0, 1, 4, 4, "wrote to", "", False, False]
        return {"doc_key": "k", "sentence": WORDS, "ner": [[0, 1, "P"], [4, 4, "P"]], "relations": [link, link[:6]]}
    if name == "spert":
        spans = [{"type": "P", "start": 0, "end": 2}, {"type": "P", "start": 4, "end": 5}]
        return [
            {
                "tokens": WORDS,
                "entities": spans,
                "relations": [{"type": "wrote to", "head": 0, "tail": 1}],
                "orig_id": 3,
            }
        ]
    spans = [{"token_start": 0, "token_end": 1, "label": "P"}, {"token_start": 4, "token_end": 4, "label": "P"}]
    tokens = [{"text": word, "id": number} for number, word in enumerate(WORDS)]
    return {"text": "-", "tokens": tokens, "spans": spans, "relations": [{"head": 1, "child": 4, "label": "wrote to"}]}


@pytest.mark.parametrize("name", ["dygie", "crossre", "spert", "prodigy"])
def test_built_in_declarations_are_recognised_and_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text(json.dumps(records(name)))
    format = recognise(tmp_path / "file", load())
    assert type(format) is formats()[name]
    (document,) = format.read(tmp_path / "file")
    assert facts(document) == {("Ada Lovelace", "wrote to", "Charles")}
    assert document.entities[0].type == "P"
    assert len(document.entities[0].mentions) == (2 if name == "dygie" else 1)
    with pytest.raises(FormatError, match="write jsonl"):
        format.write([document], tmp_path / "out")


def test_a_words_text_is_no_field(tmp_path: Path) -> None:
    row = records("dygie")
    row["sentences"][1] = ["sentence", "entities"]
    row["predicted"] = "text"
    (tmp_path / "file").write_text(json.dumps(row))
    assert type(recognise(tmp_path / "file", load())) is formats()["dygie"]


def test_rejected_records_of_prodigy_are_left_out(tmp_path: Path) -> None:
    rows = [records("prodigy") | {"answer": answer} for answer in ("accept", "reject", "ignore")]
    (tmp_path / "file").write_text("\n".join(map(json.dumps, rows)))
    assert len(list(formats()["prodigy"]().read(tmp_path / "file"))) == 1


OWN = """
title = "nr"
words = "doc"
spans = "marks"
relations = "links"
[span]
start = "from"
end = "to"
id = "name"
[relation]
head = "a"
tail = "b"
type = "what"
ends = "ids"
"""


def test_a_users_own_declaration_is_a_file(tmp_path: Path) -> None:
    marks = [{"from": 0, "to": 2, "name": "x"}, {"from": 4, "to": 5, "name": "y"}]
    row = {"nr": 7, "doc": WORDS, "marks": marks, "links": [{"a": "y", "b": "x", "what": "read"}]}
    (tmp_path / "own.jsonl").write_text(json.dumps(row))
    (tmp_path / "own.toml").write_text(OWN)
    (document,) = SpanLists(schema=str(tmp_path / "own.toml")).read(tmp_path / "own.jsonl")
    assert (document.title, facts(document)) == ("7", {("Charles", "read", "Ada Lovelace")})
    (tmp_path / "bad.toml").write_text(OWN.replace("words", "wordz"))
    with pytest.raises(SettingsError, match=r"expected the fields of docs/data.md, got: .*wordz"):
        list(SpanLists(schema=str(tmp_path / "bad.toml")).read(tmp_path / "own.jsonl"))
    with pytest.raises(FormatError, match="needs its TOML file: --format-option schema=FILE"):
        list(SpanLists().read(tmp_path / "own.jsonl"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ner": [[0, 9, "P"]]}, "relations|ner, span 0: expected a span of words within one sentence of the 6 words"),
        ({"relations": [[0, 1, 3, 3, "r"]]}, "relation 0: expected ends that are listed spans"),
        ({"relations": [[0, 1]]}, "relation 0: expected at least 3 members"),
    ],
)
def test_faults_of_records_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "file").write_text(json.dumps(records("crossre") | change))
    with pytest.raises(FormatError, match=message):
        list(formats()["crossre"]().read(tmp_path / "file"))


PUBTATOR = """7|t|Zinc and fever
7|a|Fever fell with zinc.
7\t0\t4\tZinc\tChemical\tC9
7\t9\t14\tfever\tDisease\tD3|D4
7\t15\t20\tFever\tDisease\tD3
7\t31\t35\tzinc\tChemical\t-
7\tTreats\tC9\tD4\tNovel
"""


def test_pubtator_joins_spans_of_a_concept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{PUBTATOR}\n{PUBTATOR.replace('7', '8')}")
    assert type(recognise(tmp_path / "a.txt", load())) is PubTator
    first, second = PubTator().read(tmp_path / "a.txt")
    assert (first.title, second.title) == ("7", "8")
    names = [[m.name for m in entity.mentions] for entity in first.entities]
    assert names == [["Zinc"], ["fever", "Fever"], ["fever"], ["zinc"]]
    assert [entity.id for entity in first.entities] == ["C9", "D3", "D4", None]
    assert [(label.head, label.tail) for label in first.labels] == [(0, 2)]
    (tmp_path / "b.txt").write_text(PUBTATOR.replace("Treats\tC9", "Treats\tC1"))
    with pytest.raises(FormatError, match=r"line 7: expected concepts of spans above, got 'C1'"):
        list(PubTator().read(tmp_path / "b.txt"))


@pytest.mark.parametrize(
    ("ids", "relation", "entities", "labels"),
    [
        ("D3,D4", "D3\tC9", ["C9", "D3", "D4", None], [(1, 0)]),
        ("D4;D3", "C9\tD4|D3", ["C9", "D4", "D3", None], [(0, 1), (0, 2)]),  # a relation of two concepts
        ("D4|D5|D3", "D4|D5\tC9", ["C9", "D4", "D5", "D3", None], [(1, 0), (2, 0)]),
        ("D4|D4", "C9\tD4", ["C9", "D4", "D3", None], [(0, 1)]),
    ],
)
def test_concepts_that_share_a_span_stay_apart(
    tmp_path: Path, ids: str, relation: str, entities: list[str | None], labels: list[tuple[int, int]]
) -> None:
    (tmp_path / "a.txt").write_text(PUBTATOR.replace("D3|D4", ids).replace("C9\tD4\tNovel", relation))
    (document,) = PubTator().read(tmp_path / "a.txt")
    assert [entity.id for entity in document.entities] == entities
    assert [(label.head, label.tail) for label in document.labels] == labels
    joined = next(entity for entity in document.entities if entity.id == "D3")
    assert [m.name for m in joined.mentions] == (["fever", "Fever"] if "D3" in ids else ["Fever"])


def test_the_id_of_a_variant_is_one_concept(tmp_path: Path) -> None:
    variant = PUBTATOR.replace("\t-\n", "\tc|SUB|G|308|C\n").replace("D4\tNovel", "c|SUB|G|308|C")
    (tmp_path / "a.txt").write_text(variant)
    (document,) = PubTator().read(tmp_path / "a.txt")
    assert facts(document) == {("Zinc", "Treats", "zinc")}


def test_docreds_documents_one_a_line_are_read(tmp_path: Path) -> None:
    mentions = [[{"name": word, "sent_id": 0, "pos": [at, at + 1]}] for at, word in ((0, "Ada"), (4, "Charles"))]
    row = {"title": "x", "sents": [WORDS], "vertexSet": mentions, "labels": [{"h": 1, "t": 0, "r": "read"}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (document,) = recognise(tmp_path / "a.jsonl", load()).read(tmp_path / "a.jsonl")
    assert facts(document) == {("Charles", "read", "Ada")}


FILES = ("dygie.jsonl", "crossre.jsonl", "spert.json", "prodigy.jsonl", "pubtator.txt", "docred_lines.jsonl")


@pytest.mark.parametrize("file", FILES)
def test_the_case_of_span_lists(tmp_path: Path, file: str) -> None:
    path = case("12-span-list-formats", tmp_path) / file
    report = validate(path, recognise(path, load()))
    assert (report.faults, report.documents, report.entities, report.labels) == ([], 1, 2, 1)
