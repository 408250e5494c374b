"""Tests that distant supervision labels the pairs linked by the graph, and stores the true relation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finecl.data.distant.labelling import label_silver
from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention


def named(position: int, identity: str | None) -> Entity:
    mention = Mention(sentence=0, start=position, end=position + 1, name=f"name {position}")
    return Entity(mentions=(mention,), id=identity)


TEXT = Document(
    title="text",
    sentences=(("a", "b", "c", "d"),),
    entities=(named(0, "A"), named(1, "B"), named(2, "C"), named(3, None)),
    labels=(),
)
LINKED = replace(TEXT, entities=TEXT.entities[:3])


def silver(document: Document, *triples: tuple[str, str, str]) -> list[tuple[int, int, str, str | None]]:
    (labelled,) = label_silver([document], triples)
    assert replace(labelled, labels=()) == replace(document, labels=())
    return [(label.head, label.tail, label.relation, label.truth) for label in labelled.labels]


def test_every_linked_ordered_pair_is_labelled() -> None:
    triples = [("C", "likes", "A"), ("A", "born", "B"), ("A", "lives", "B"), ("A", "born", "Z"), ("Z", "born", "A")]
    assert silver(LINKED, *triples) == [
        (0, 1, "born", "no_relation"),
        (0, 1, "lives", "no_relation"),
        (2, 0, "likes", "no_relation"),
    ]


def test_repeated_triples_give_one_label() -> None:
    assert len(silver(LINKED, ("A", "born", "B"), ("A", "born", "B"))) == 1


def test_the_truth_is_the_relation_where_the_text_states_it() -> None:
    stated = replace(LINKED, labels=tuple(Label(head=0, tail=1, relation=r) for r in ("died", "born", "lives")))
    triples = [("A", "lives", "B"), ("A", "works", "B"), ("B", "lives", "A")]
    assert silver(stated, *triples) == [
        (0, 1, "lives", "lives"),
        (0, 1, "works", "born"),  # the first of the true relations
        (1, 0, "lives", "no_relation"),  # true in the other direction only
    ]


def test_a_stated_no_relation_is_no_relation() -> None:
    stated = replace(LINKED, labels=(Label(head=0, tail=1, relation="NA"), Label(head=1, tail=2, relation="zeal")))
    (labelled,) = label_silver([stated], [("A", "lives", "B"), ("B", "lives", "C")], no_relation="NA")
    assert [label.truth for label in labelled.labels] == ["NA", "zeal"]


def test_what_the_text_states_but_the_graph_does_not_know_is_not_labelled() -> None:
    assert silver(replace(LINKED, labels=(Label(head=0, tail=1, relation="born"),)), ("B", "born", "A")) == [
        (1, 0, "born", "no_relation")
    ]


def test_an_entity_never_stands_in_a_relation_to_itself() -> None:
    twice = replace(LINKED, entities=(named(0, "A"), named(1, "A")))
    assert silver(twice, ("A", "likes", "A")) == [(0, 1, "likes", "no_relation"), (1, 0, "likes", "no_relation")]


def test_an_entity_without_id_is_refused() -> None:
    with pytest.raises(FormatError, match=r"document 2 \('text'\), entity 3 \('name 3'\), id: expected its id"):
        list(label_silver([LINKED, TEXT], []))
