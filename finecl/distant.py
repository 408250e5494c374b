"""Distant supervision: labels from a knowledge graph instead of from reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import permutations

from finecl.errors import FormatError
from finecl.types import Document, Label


def label_silver(
    documents: Iterable[Document], triples: Iterable[tuple[str, str, str]], *, no_relation: str = "no_relation"
) -> Iterator[Document]:
    """Labels every ordered pair of a document's entities that a triple (head id, relation, tail id) links.

    The labels that a document comes with are taken as what its text says: they are replaced, and the ``truth`` of a
    silver label is its own relation where the text states it, else another stated relation of the pair, else
    ``no_relation``.

    Raises:
        FormatError: an entity has no id.
    """
    known: dict[tuple[str, str], set[str]] = defaultdict(set)
    for head, relation, tail in triples:
        known[head, tail].add(relation)
    for number, document in enumerate(documents, start=1):
        ids = _ids(document, f"document {number} ('{document.title}')")
        yield replace(document, labels=tuple(_labels(document, ids, known, no_relation)))


def _ids(document: Document, where: str) -> list[str]:
    for number, entity in enumerate(document.entities):
        if entity.id is None:
            name = entity.mentions[0].name if entity.mentions else ""
            raise FormatError(
                f"{where}, entity {number} ('{name}'), id: expected its id in the knowledge graph, got none; "
                "link the entities before labelling them"
            )
    return [str(entity.id) for entity in document.entities]


def _labels(
    document: Document, ids: list[str], known: Mapping[tuple[str, str], set[str]], no_relation: str
) -> Iterator[Label]:
    stated: dict[tuple[int, int], set[str]] = defaultdict(set)
    for label in document.labels:
        stated[label.head, label.tail].add(label.relation)
    for head, tail in permutations(range(len(ids)), 2):
        for relation in sorted(known.get((ids[head], ids[tail]), ())):
            said = stated.get((head, tail), set()) - {no_relation}
            truth = relation if relation in said else min(said, default=no_relation)
            yield Label(head=head, tail=tail, relation=relation, truth=truth)
