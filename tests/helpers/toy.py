"""A toy case of DocRED with the scores of the official script, and a function that builds documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from finecl.metrics import Fact
from finecl.types import Document, Entity, Label, Mention


def document(title: str, entities: Sequence[Sequence[str]], labels: Iterable[tuple[int, str, int]]) -> Document:
    return Document(
        title=title,
        sentences=(("word",),),
        entities=tuple(
            Entity(mentions=tuple(Mention(sentence=0, start=0, end=1, name=name) for name in names))
            for names in entities
        ),
        labels=tuple(Label(head=head, tail=tail, relation=relation) for head, relation, tail in labels),
    )


# The toy case that the official script was run on: F1 .6667, Ign annotated .6, Ign distant (no facts) .6667.
TRAIN = [document("T", [["Alice", "A."], ["Paris"]], [(0, "P19", 1)])]
GOLD = [
    document("D1", [["A.", "Alicia"], ["Paris", "City"], ["Rome"]], [(0, "P19", 1), (0, "P20", 2)]),
    document("D2", [["Alice"], ["Paris"], ["Bob"]], [(2, "P19", 1), (2, "P27", 1)]),
]
PREDICTED: list[Fact] = [
    ("D1", 0, 1, "P19"),
    ("D1", 0, 1, "P19"),
    ("D1", 0, 2, "P20"),
    ("D2", 0, 1, "P19"),
    ("D2", 2, 1, "P27"),
    ("unknown", 0, 1, "P19"),
]
