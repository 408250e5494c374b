"""Conversion between documents and texts with marked spans and links, as annotation tools store them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label
from finecl_formats.characters import document_to_text, text_to_words
from finecl_formats.json_values import shortened
from finecl_formats.offsets import Convention, StoredSpan


@dataclass(frozen=True, kw_only=True)
class MarkedSpan:
    """A marked span: ``start`` and ``end`` as the file has them, its type, and its entity's id in a knowledge graph.

    ``text`` is the text that the file stores beside the span, if any, and ``place`` where.
    """

    start: int
    end: int
    text: str | None = None
    place: str = ""
    type: str | None = None
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """The annotations of a text; spans are identified by the tool's names for them.

    ``coreferent`` are pairs of spans of one entity; ``relations`` are (head span, tail span, relation).
    """

    text: str
    marked: Mapping[str, MarkedSpan]
    coreferent: Sequence[tuple[str, str]] = field(default_factory=tuple)
    relations: Sequence[tuple[str, str, str]] = field(default_factory=tuple)
    convention: Convention = field(default_factory=Convention)

    def document(self, title: str, place: str) -> Document:
        """Converts the annotations to a document.

        Entities are in the order of their first spans; a relation between spans becomes one between their entities.

        Raises:
            FormatError: a span is outside the text, or a link refers to an unknown span.
        """
        stored = [StoredSpan(m.start, m.end, m.text, m.place or place) for m in self.marked.values()]
        words = text_to_words(self.text, self.convention.characters(self.text, stored, place), place)
        entity_of = self._entities(place)
        groups: dict[int, list[int]] = {}
        for number, name in enumerate(self.marked):
            groups.setdefault(entity_of[name], []).append(number)
        index = {group: number for number, group in enumerate(groups)}
        spans = list(self.marked.values())
        entities = tuple(
            Entity(
                mentions=tuple(words.mention(n, spans[n].type) for n in group),
                id=next((spans[n].id for n in group if spans[n].id), None),
            )
            for group in groups.values()
        )
        triples = dict.fromkeys(  # a relation marked between several spans of two entities counts once
            (index[self._entity(entity_of, head, place)], index[self._entity(entity_of, tail, place)], relation)
            for head, tail, relation in self.relations
        )
        labels = tuple(Label(head=head, tail=tail, relation=relation) for head, tail, relation in triples)
        return Document(title=title, sentences=words.sentences, entities=entities, labels=labels)

    def _entities(self, place: str) -> dict[str, int]:
        """Maps each span to its entity, numbered by the entity's first span."""
        entity_of = {name: number for number, name in enumerate(self.marked)}
        for one, other in self.coreferent:
            first, second = (self._entity(entity_of, name, place) for name in (one, other))
            low, high = sorted((first, second))
            for name, number in entity_of.items():
                if number == high:
                    entity_of[name] = low
        return entity_of

    @staticmethod
    def _entity(entity_of: Mapping[str, int], name: str, place: str) -> int:
        if name not in entity_of:
            actual = f"one to '{shortened(name)}', which is not marked"
            raise FormatError(f"{place}: expected a link between marked spans, got {actual}; mark it or remove it")
        return entity_of[name]


def to_annotations(document: Document) -> tuple[Annotations, list[list[str]]]:
    """Returns a document's annotations, and for each entity the names of its spans: "1", "2", ... across entities."""
    text, spans = document_to_text(document)
    marked: dict[str, MarkedSpan] = {}
    names: list[list[str]] = []
    for entity, places in zip(document.entities, spans, strict=True):
        names.append([])
        for mention, (start, end) in zip(entity.mentions, places, strict=True):
            name = str(len(marked) + 1)
            names[-1].append(name)
            covered = text[start:end]
            marked[name] = MarkedSpan(start=start, end=end, type=mention.type, id=entity.id, text=covered)
    coreferent = [(group[0], name) for group in names for name in group[1:]]
    relations = [(names[label.head][0], names[label.tail][0], label.relation) for label in document.labels]
    return Annotations(text=text, marked=marked, coreferent=coreferent, relations=relations), names
