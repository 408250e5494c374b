"""brat's variants: named roles, events as ends of relations, and files .a1 and .a2."""

from __future__ import annotations

from pathlib import Path

import pytest
from finecl_formats.brat import Brat

from finecl.errors import FormatError
from finecl.types import Document

TEXT = "Ada wrote notes"
SPANS = "T1\tPerson 0 3\tAda\nT2\tAct 4 9\twrote\nT3\tWork 10 15\tnotes\n"


def read(folder: Path, lines: str) -> list[tuple[str, str, str]]:
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_text(TEXT)
    (folder / "a.ann").write_text(SPANS + lines)
    return facts(folder)


def facts(folder: Path) -> list[tuple[str, str, str]]:
    assert Brat().recognises(folder)
    document: Document
    (document,) = Brat().read(folder)
    names = [entity.mentions[0].name for entity in document.entities]
    return [(names[label.head], label.relation, names[label.tail]) for label in document.labels]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("R1\tauthor Arg1:T3 Arg2:T1\n", ("notes", "author", "Ada")),
        ("R1\tauthor Arg2:T1 Arg1:T3\n", ("notes", "author", "Ada")),
        ("R1\tauthor Work:T3 By:T1\t\n", ("notes", "author", "Ada")),
    ],
)
def test_roles_are_in_the_order_as_written_or_of_their_numbers(
    tmp_path: Path, line: str, expected: tuple[str, str, str]
) -> None:
    assert read(tmp_path / "d", line) == [expected]


def test_annotation_conf_orders_named_roles(tmp_path: Path) -> None:
    conf = "[entities]\nPerson\nWork\n\n[relations]\n# comment\nauthor\tBy:Person, Work:Work\n[events]\n"
    (tmp_path / "annotation.conf").write_text(conf)
    assert read(tmp_path / "d", "R1\tauthor Work:T3 By:T1\n") == [("Ada", "author", "notes")]


def test_a_relation_to_an_event_is_one_to_its_trigger(tmp_path: Path) -> None:
    lines = "E1\tAct:T2 Agent:T1\nR1\tresult Arg1:E1 Arg2:T3\n"
    assert read(tmp_path / "d", lines) == [("wrote", "result", "notes")]
    with pytest.raises(FormatError, match=r"expected E1<tab>Type:T1 Role:T2, got 'E1 Act'"):
        read(tmp_path / "e", "E1\tAct\n")


def test_a1_and_a2_are_read_together(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "a.a1").write_text(SPANS)
    (tmp_path / "a.a2").write_text("E1\tAct:T2\nR1\tresult Arg1:E1 Arg2:T3\n")
    assert facts(tmp_path) == [("wrote", "result", "notes")]
