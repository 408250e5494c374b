"""Writes the texts of the built-in corpus; the facts that a text states are sampled anew for each document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from finecl.data.demo.world import Circle, Link, Thing
from finecl.types import Document, Entity, Generator, Label, Mention

_GLUE = (";", ", and", ", while")  # between two joined sentences
_SENTENCES = (4, 6)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A mention of an entity in a sentence, and the number of the fact that it belongs to."""

    thing: Thing
    fact: int


Sentence: TypeAlias = list[str | Slot]


@dataclass(frozen=True, kw_only=True)
class Style:
    """Probabilities that a text states a link of the graph, else contradicts it, and uses short names.

    ``meetings``: number of unlinked pairs per document in sentences without a relation. Without them any two entities
    of a sentence would have a relation, and a model would only have to learn co-occurrence.
    """

    stated: float = 0.5
    contradicted: float = 0.3
    meetings: int = 3
    short: float = 0.5


def write_document(title: str, circle: Circle, style: Style, generator: Generator) -> Document:
    """Writes a document about all links of a circle and a few unlinked pairs, labelled with the stated relations."""
    meetings = generator.permutation(len(circle.unlinked))[: style.meetings]
    pairs = [*circle.links, *(circle.unlinked[i] for i in meetings)]
    stated = [*_stated_relations(circle.links, style, generator), *[None] * len(meetings)]
    order = generator.permutation(len(pairs))
    facts, relations = [pairs[i] for i in order], [stated[i] for i in order]
    sentences: list[Sentence] = []
    for number, (link, relation) in enumerate(zip(facts, relations, strict=True)):
        sentences.extend(_word(link, relation, number, generator))
    text = _Text(style=style, generator=generator)
    for sentence in _shortened(sentences, generator):
        text.add(sentence)
    labels = [
        text.label(number, link, relation)
        for number, (link, relation) in enumerate(zip(facts, relations, strict=True))
        if relation
    ]
    return text.document(title, labels)


def _stated_relations(facts: Sequence[Link], style: Style, generator: Generator) -> list[str | None]:
    """Samples the stated relation of each pair: its link, another relation of the same types, or none."""
    # Every document has the share as closely as integers allow; the fractional part is sampled.
    count = int(len(facts) * style.stated + generator.random())
    is_stated = generator.permutation(len(facts)) < count
    return [
        link.relation if stated else _other(link, style, generator)
        for link, stated in zip(facts, is_stated, strict=True)
    ]


def _other(link: Link, style: Style, generator: Generator) -> str | None:
    others = [relation for relation in link.wordings.relations if relation != link.relation]
    return _one(others, generator) if generator.random() < style.contradicted else None


def _word(link: Link, relation: str | None, fact: int, generator: Generator) -> list[Sentence]:
    """Returns one or two sentences about a pair."""
    wording = _usual(link.wordings.relations[relation] if relation else link.wordings.met, generator)
    head, tail = Slot(thing=link.head, fact=fact), Slot(thing=link.tail, fact=fact)
    slots = {"{head}": head, "{a}": head, "{tail}": tail, "{b}": tail}
    return [[slots.get(word, word) for word in part.split()] for part in wording.split("|")]


def _shortened(sentences: list[Sentence], generator: Generator) -> list[Sentence]:
    """Joins random neighbouring sentences until few enough are left."""
    limit = int(generator.integers(_SENTENCES[0], _SENTENCES[1] + 1))
    while len(sentences) > limit:
        at = int(generator.integers(len(sentences) - 1))
        first, second = sentences[at : at + 2]
        glue = _one(_GLUE, generator).split()
        opening = second[0].lower() if isinstance(second[0], str) else second[0]
        sentences = [*sentences[:at], [*first[:-1], *glue, opening, *second[1:]], *sentences[at + 2 :]]
    return sentences


def _usual(wordings: Sequence[str], generator: Generator) -> str:
    """Samples a wording with probabilities that fall with the square of its rank."""
    share = 1 / np.arange(1, len(wordings) + 1) ** 2
    return wordings[int(generator.choice(len(wordings), p=share / share.sum()))]


def _one(choices: Sequence[str], generator: Generator) -> str:
    return choices[int(generator.integers(len(choices)))]


@dataclass(kw_only=True)
class _Text:
    """Builder of a text with its mentions."""

    style: Style
    generator: Generator
    sentences: list[tuple[str, ...]] = field(default_factory=list)
    mentions: dict[Thing, list[Mention]] = field(default_factory=dict)
    evidence: dict[int, set[int]] = field(default_factory=dict)

    def add(self, sentence: Sentence) -> None:
        words: list[str] = []
        for part in sentence:
            if isinstance(part, Slot):
                self._mention(part, words)
            else:
                words.append(part)
        self.sentences.append(tuple(words))

    def _mention(self, slot: Slot, words: list[str]) -> None:
        """Adds a mention: the full name first, later the full or the short name."""
        known = slot.thing in self.mentions
        name = slot.thing.short if known and self.generator.random() < self.style.short else slot.thing.name
        start, number = len(words), len(self.sentences)
        words.extend(name.split())
        mention = Mention(sentence=number, start=start, end=len(words), name=name, type=slot.thing.type)
        self.mentions.setdefault(slot.thing, []).append(mention)
        self.evidence.setdefault(slot.fact, set()).add(number)

    def label(self, fact: int, link: Link, relation: str) -> Label:
        things = list(self.mentions)
        head, tail = things.index(link.head), things.index(link.tail)
        return Label(head=head, tail=tail, relation=relation, evidence=tuple(sorted(self.evidence[fact])))

    def document(self, title: str, labels: Sequence[Label]) -> Document:
        entities = tuple(Entity(mentions=tuple(places), id=thing.id) for thing, places in self.mentions.items())
        return Document(title=title, sentences=tuple(self.sentences), entities=entities, labels=tuple(labels))
