"""How the built-in corpus writes about a circle: what a text states is drawn anew for every document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from finecl.data.demo.world import Circle, Link, Thing
from finecl.types import Document, Entity, Generator, Label, Mention

_GLUE = (";", ", and", ", while")  # between two sentences that become one
_SENTENCES = (4, 6)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place in a sentence that names an entity, for the sake of the fact of this number."""

    thing: Thing
    fact: int


Sentence: TypeAlias = list[str | Slot]


@dataclass(frozen=True, kw_only=True)
class Style:
    """How often a text states the link of the graph, else contradicts it, and uses short names.

    ``meetings``: unlinked pairs that merely meet, a document. Without them any two entities of one sentence would
    be labelled, and that they meet would be all that a model has to learn.
    """

    stated: float = 0.5
    contradicted: float = 0.3
    meetings: int = 3
    short: float = 0.5


def write_document(title: str, circle: Circle, style: Style, generator: Generator) -> Document:
    """A document about every link of a circle and some unlinked pairs, labelled with what its text states."""
    met = generator.permutation(len(circle.strangers))[: style.meetings]
    pairs = [*circle.links, *(circle.strangers[i] for i in met)]
    said = [*_stated_relations(circle.links, style, generator), *[None] * len(met)]
    order = generator.permutation(len(pairs))
    facts, relations = [pairs[i] for i in order], [said[i] for i in order]
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
    """What the text will say of each pair: its link, another relation of the same types, or nothing."""
    # The share is kept in every document as nearly as whole numbers allow; what is left over is drawn.
    stated = int(len(facts) * style.stated + generator.random())
    is_stated = generator.permutation(len(facts)) < stated
    return [
        link.relation if said else _other(link, style, generator) for link, said in zip(facts, is_stated, strict=True)
    ]


def _other(link: Link, style: Style, generator: Generator) -> str | None:
    others = [relation for relation in link.wordings.relations if relation != link.relation]
    return _one(others, generator) if generator.random() < style.contradicted else None


def _word(link: Link, relation: str | None, fact: int, generator: Generator) -> list[Sentence]:
    """One or two sentences about a pair."""
    wording = _usual(link.wordings.relations[relation] if relation else link.wordings.met, generator)
    head, tail = Slot(thing=link.head, fact=fact), Slot(thing=link.tail, fact=fact)
    slots = {"{head}": head, "{a}": head, "{tail}": tail, "{b}": tail}
    return [[slots.get(word, word) for word in part.split()] for part in wording.split("|")]


def _shortened(sentences: list[Sentence], generator: Generator) -> list[Sentence]:
    """Neighbours are joined at random until few enough sentences are left."""
    limit = int(generator.integers(_SENTENCES[0], _SENTENCES[1] + 1))
    while len(sentences) > limit:
        at = int(generator.integers(len(sentences) - 1))
        first, second = sentences[at : at + 2]
        glue = _one(_GLUE, generator).split()
        opening = second[0].lower() if isinstance(second[0], str) else second[0]
        sentences = [*sentences[:at], [*first[:-1], *glue, opening, *second[1:]], *sentences[at + 2 :]]
    return sentences


def _usual(wordings: Sequence[str], generator: Generator) -> str:
    """A wording by Zipf's law: the first ones are said often, the last ones seldom."""
    share = 1 / np.arange(1, len(wordings) + 1) ** 2
    return wordings[int(generator.choice(len(wordings), p=share / share.sum()))]


def _one(choices: Sequence[str], generator: Generator) -> str:
    return choices[int(generator.integers(len(choices)))]


@dataclass(kw_only=True)
class _Text:
    """A text as it grows, with the mentions in it."""

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
        """An entity is named in full first, and then in full or in short."""
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
        entities = tuple(Entity(mentions=tuple(found), id=thing.id) for thing, found in self.mentions.items())
        return Document(title=title, sentences=tuple(self.sentences), entities=entities, labels=tuple(labels))
