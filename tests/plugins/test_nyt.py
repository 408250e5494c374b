"""NYT's JSON: names without offsets, in three shapes; what cannot be found is named, and repeats are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from finecl import registry
from finecl.data.formats import DocumentFile, recognise
from finecl.data.validate import validate
from finecl.errors import FormatError
from finecl.progress import Listener
from finecl.types import Document

COTYPE = {
    "sentText": "Bard College is at Annandale-on-Hudson , N.Y. , near Hudson .\r\n",
    "articleId": "/m/1.xml.pb",
    "sentId": "1",
    "relationMentions": [
        {"em1Text": "Annandale-on-Hudson", "em2Text": "Bard College", "label": "/location/location/contains"},
        {"em1Text": "Bard College", "em2Text": "N.Y.", "label": "None"},
    ],
    "entityMentions": [
        {"start": 1, "label": "ORGANIZATION", "text": "Bard College"},
        {"start": 2, "label": "LOCATION", "text": "Annandale-on-Hudson"},
        {"start": 3, "label": "LOCATION", "text": "Hudson"},
    ],
}
HRL = {
    "sentext": "In Queens , New York City , she left New York , not Queens .",
    "relations": [
        {"em1": "New York City", "em2": "Queens", "rtext": "contains", "tags": [0, 1]},
        {"em1": "New York", "em2": "Queens", "rtext": "contains", "tags": [0, 1]},
    ],
}
CASREL = {"text": "鲁迅出生于绍兴。", "triple_list": [["鲁迅", "出生地", "绍兴"]]}


def read(path: Path, *records: Any, as_list: bool = False) -> list[Document]:
    lines = json.dumps(records, indent=1) if as_list else "".join(f"{json.dumps(r)}\n" for r in records)
    path.write_text(lines, encoding="utf-8")
    format = recognise(path, registry.load())
    assert type(format).__name__ == "NYT"
    return list(format.read(path))


def entities(document: Document) -> list[tuple[list[str], str | None]]:
    return [([m.name for m in entity.mentions], entity.type) for entity in document.entities]


def labels(document: Document) -> list[tuple[str, str, str]]:
    names = [entity.mentions[0].name for entity in document.entities]
    return [(names[label.head], label.relation, names[label.tail]) for label in document.labels]


def test_cotype_names_are_whole_words_with_their_types(tmp_path: Path) -> None:
    (document,) = read(tmp_path / "train.json", COTYPE)
    assert document.title == "1"
    assert entities(document) == [
        (["Bard College"], "ORGANIZATION"),
        (["Annandale-on-Hudson"], "LOCATION"),
        (["N.Y."], None),
        (["Hudson"], "LOCATION"),  # the one that is not within Annandale-on-Hudson
    ]
    assert labels(document) == [
        ("Annandale-on-Hudson", "/location/location/contains", "Bard College"),
        ("Bard College", "None", "N.Y."),
    ]


@pytest.mark.parametrize("as_list", [True, False])
def test_its_copies_read_alike_in_lines_and_in_a_list(tmp_path: Path, as_list: bool) -> None:
    (document,) = read(tmp_path / "valid.json", HRL, as_list=as_list)
    assert entities(document) == [(["Queens", "Queens"], None), (["New York City"], None), (["New York"], None)]
    assert labels(document) == [("New York City", "contains", "Queens"), ("New York", "contains", "Queens")]


def test_triples_of_a_script_without_spaces(tmp_path: Path) -> None:
    (document,) = read(tmp_path / "dev.json", CASREL)
    assert labels(document) == [("鲁迅", "出生地", "绍兴")]


def test_a_name_ends_where_the_word_ends_also_before_a_combining_mark(tmp_path: Path) -> None:
    record = {"text": "रामायण में राम और सीता हैं ।", "triple_list": [["राम", "spouse", "सीता"]]}
    (document,) = read(tmp_path / "hindi.json", record)
    assert entities(document) == [(["राम"], None), (["सीता"], None)]  # not the beginning of the first word


def test_a_name_that_the_text_does_not_hold_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    lost = {"sentText": "Ada met Zoe .", "relationMentions": [{"em1Text": "Ada", "em2Text": "Eve", "label": "met"}]}
    path = tmp_path / "test.json"
    path.write_text("".join(f"{json.dumps(r)}\n" for r in (COTYPE, lost, HRL)), encoding="utf-8")
    report = validate(path, recognise(path, registry.load()))
    assert report.documents == 2
    assert report.faults == [f"{path}: line 2: expected names that stand in the text, got 'Eve'; correct the record"]


def test_records_of_other_fields_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for record, message in (
        ({"text": "Ada", "triple_list": [["Ada", "met"]]}, "triple_list, relation 0: expected head, relation and tail"),
        ({"text": "Ada", "triples": []}, "expected the fields sentText and relationMentions or sentext and relations"),
        ({"sentText": "Ada", "relationMentions": [{"em1Text": "Ada", "label": "x"}]}, "expected the field 'em2Text'"),
    ):
        path.write_text(json.dumps(record))
        with pytest.raises(FormatError, match=message):
            list(recognise(path, registry.load(), "nyt").read(path))


PUBTATOR = """1|t|Drug X causes rash
1|a|Rash after Drug X .
1\t0\t6\tDrug X\tChemical\tC1
1\t14\t18\trash\tDisease\tD1
1\tCID\tC1\tD1
1\tCID\tC1\tD1
1\tCID\tC1\tD1

"""
SPERT = [
    {
        "tokens": ["Ada", "met", "Zoe"],
        "entities": [{"type": "P", "start": 0, "end": 1}, {"type": "P", "start": 2, "end": 3}],
        "relations": [{"type": "met", "head": 0, "tail": 1}] * 2,
        "orig_id": 7,
    }
]
TWICE = HRL | {"relations": [HRL["relations"][0]] * 2}


@pytest.mark.parametrize(
    ("name", "content", "merged"),
    [
        ("a.txt", PUBTATOR, 2),
        ("b.json", json.dumps(SPERT), 1),
        ("c.json", json.dumps(TWICE), 1),
        ("d.json", json.dumps(COTYPE), 0),
    ],
)
def test_labels_that_repeat_another_are_merged_and_told(name: str, content: str, merged: int, tmp_path: Path) -> None:
    notes: list[str] = []

    class Notes(Listener):
        def note(self, text: str) -> None:
            notes.append(text)

    (tmp_path / name).write_text(content)
    source = DocumentFile.open(tmp_path / name, registry.load(), listener=Notes())
    for _ in range(2):  # each reading counts anew
        notes.clear()
        (document,) = list(source)
        what = "labels that repeat another of the same entities and relation were merged with it, in 1 documents"
        assert notes == ([f"{tmp_path / name}: {merged} {what}"] if merged else [])
    assert len(document.labels) == (1 if merged else 2)
    report = validate(tmp_path / name, source.format)
    assert [note.split()[0] for note in report.notes] == ([str(merged)] if merged else [])


def region(name: str, start: int, end: int, kind: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": [kind]}
    return {"id": name, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def link(head: str, tail: str, relation: str) -> dict[str, Any]:
    return {"from_id": head, "to_id": tail, "type": "relation", "direction": "right", "labels": [relation]}


@pytest.mark.parametrize(
    ("which", "names", "relations"),
    [
        ("first", ["Ada", "Zoe"], [("Ada", "met", "Zoe")]),
        ("last", ["Ada", "Eve", "Zoe"], [("Ada", "saw", "Eve")]),
        ("merge", ["Ada", "Zoe", "Eve"], [("Ada", "met", "Zoe"), ("Ada", "saw", "Eve")]),
    ],
)
@pytest.mark.parametrize("kind", ["annotations", "predictions"])
def test_of_several_annotations_of_a_task_one_is_chosen_or_all_are_merged(
    which: str, names: list[str], relations: list[tuple[str, str, str]], kind: str, tmp_path: Path
) -> None:
    first = [region("a", 0, 3, "PER"), region("b", 8, 11, "PER"), link("a", "b", "met")]
    last = [region("a", 0, 3, "PER"), region("c", 16, 19, "PER"), region("b", 8, 11, "PER"), link("a", "c", "saw")]
    cancelled = {"was_cancelled": True, "result": [region("z", 4, 7, "X")]}
    task = {"id": 1, "data": {"text": "Ada met Zoe and Eve ."}, kind: [{"result": first}, cancelled, {"result": last}]}
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]))
    chosen = recognise(path, registry.load(), settings={"annotations": which})
    (document,) = chosen.read(path)
    assert [entity.mentions[0].name for entity in document.entities] == names
    assert labels(document) == relations
    with pytest.raises(FormatError, match=rf"expected one of the {kind} of a task, got 2; choose with --format-option"):
        list(recognise(path, registry.load()).read(path))
