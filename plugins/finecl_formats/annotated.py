"""Texts whose annotations are marked spans and links between spans, as annotation tools keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label
from finecl_formats.characters import to_characters, to_words
from finecl_formats.values import shown


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A marked span: characters ``[start, end)``, its type, and its entity's id in a knowledge graph."""

    start: int
    end: int
    type: str | None = None
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """What is marked in a text, by the names that the tool gives the spans.

    ``same`` are pairs of spans that name one entity; ``relations`` are (head span, tail span, relation).
    """

    text: str
    marked: Mapping[str, Marked]
    same: Sequence[tuple[str, str]] = field(default_factory=tuple)
    relations: Sequence[tuple[str, str, str]] = field(default_factory=tuple)

    def document(self, title: str, place: str) -> Document:
        """Entities in the order of their first spans; a relation between spans is one between their entities.

        Raises:
            FormatError: a span is outside the text, or a link leads to a span that is not there.
        """
        words = to_words(self.text, [(m.start, m.end) for m in self.marked.values()], place)
        entity_of = self._entities(place)
        groups: dict[int, list[int]] = {}
        for number, name in enumerate(self.marked):
            groups.setdefault(entity_of[name], []).append(number)
        index = {group: number for number, group in enumerate(groups)}
        found = list(self.marked.values())
        entities = tuple(
            Entity(
                mentions=tuple(words.mention(n, found[n].type) for n in group),
                id=next((found[n].id for n in group if found[n].id), None),
            )
            for group in groups.values()
        )
        claims = dict.fromkeys(  # what is marked between several spans of two entities is one claim
            (index[self._known(entity_of, head, place)], index[self._known(entity_of, tail, place)], relation)
            for head, tail, relation in self.relations
        )
        labels = tuple(Label(head=head, tail=tail, relation=relation) for head, tail, relation in claims)
        return Document(title=title, sentences=words.sentences, entities=entities, labels=labels)

    def _entities(self, place: str) -> dict[str, int]:
        """The number of every span's entity: that of the first span that names it."""
        entity_of = {name: number for number, name in enumerate(self.marked)}
        for one, other in self.same:
            first, second = (self._known(entity_of, name, place) for name in (one, other))
            low, high = sorted((first, second))
            for name, number in entity_of.items():
                if number == high:
                    entity_of[name] = low
        return entity_of

    @staticmethod
    def _known(entity_of: Mapping[str, int], name: str, place: str) -> int:
        if name not in entity_of:
            came = f"'{shown(name)}', which is not marked"
            raise FormatError(f"{place}: expected a link between marked spans, got one to {came}; mark it or remove it")
        return entity_of[name]


def annotations_of(document: Document) -> tuple[Annotations, list[list[str]]]:
    """A document's annotations, and the names of every entity's spans: "1", "2", ... in the order of entities."""
    text, spans = to_characters(document)
    marked: dict[str, Marked] = {}
    names: list[list[str]] = []
    for entity, places in zip(document.entities, spans, strict=True):
        names.append([])
        for mention, (start, end) in zip(entity.mentions, places, strict=True):
            name = str(len(marked) + 1)
            names[-1].append(name)
            marked[name] = Marked(start=start, end=end, type=mention.type, id=entity.id)
    same = [(group[0], name) for group in names for name in group[1:]]
    relations = [(names[label.head][0], names[label.tail][0], label.relation) for label in document.labels]
    return Annotations(text=text, marked=marked, same=same, relations=relations), names
