"""The knowledge graph of the built-in corpus: small groups (circles) of linked people, organisations and places."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from finecl.data.demo.language import Language, TypePair
from finecl.errors import SettingsError
from finecl.types import Generator

_CAST = {"PER": 3, "ORG": 2, "LOC": 1, "COUNTRY": 1}  # the entities of one circle
_LINKS = 2  # links of one circle, of different types
_SHARED_TYPES = ("LOC", "COUNTRY")  # circles share places, but not people and organisations


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An entity of the graph; ``short`` is a short name for later mentions."""

    id: str
    type: str
    name: str
    short: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """A triple of the graph, with the wordings for its types of entities."""

    head: Thing
    relation: str
    tail: Thing
    wordings: TypePair


@dataclass(frozen=True, kw_only=True)
class Circle:
    """A group of entities: the ``links`` of the graph between them, and their ``unlinked`` pairs.

    An unlinked pair is a ``Link`` with an empty relation.
    """

    links: tuple[Link, ...]
    unlinked: tuple[Link, ...]


class World:
    """Generates circles; every link has an entity of this circle only, so there are no links between circles."""

    def __init__(self, language: Language, generator: Generator) -> None:
        self._language = language
        self._names = _all_names(language)
        self._order = {kind: generator.permutation(len(names)) for kind, names in self._names.items()}
        self._unused = {kind: deque(order.tolist()) for kind, order in self._order.items()}

    def circles(self, generator: Generator, *, from_end: bool = False) -> Iterator[Circle]:
        """Generates circles without end: links of different types, and all other pairs of their entities.

        Unused names are taken from the beginning or ``from_end``, so that circles generated from one side do not depend
        on the number of those from the other.
        """
        while True:
            yield self._circle(generator, from_end)

    def _circle(self, generator: Generator, from_end: bool) -> Circle:
        cast = {kind: self._sample(kind, number, generator, from_end) for kind, number in _CAST.items()}
        cast["PLACE"] = [*cast["LOC"], *cast["COUNTRY"]]
        links: list[Link] = []
        pairs = self._language.type_pairs
        sizes = np.array([len(pair.relations) for pair in pairs])  # so that all relations are about equally frequent
        for at in generator.choice(len(pairs), size=_LINKS, replace=False, p=sizes / sizes.sum()):
            links.append(_link(pairs[at], cast, links, generator))
        unlinked = [
            Link(head=head, relation="", tail=tail, wordings=pair)
            for pair in self._language.type_pairs
            for head, tail in _unlinked(pair, cast, links)
        ]
        return Circle(links=tuple(links), unlinked=tuple(unlinked))

    def _sample(self, kind: str, number: int, generator: Generator, from_end: bool) -> list[Thing]:
        if kind in _SHARED_TYPES:
            selected = generator.choice(len(self._order[kind]), size=number, replace=False)
            return [self._thing(kind, at) for at in self._order[kind][selected]]
        things: list[Thing] = []
        unused = self._unused[kind]
        while unused and len(things) < number:
            thing = self._thing(kind, unused.pop() if from_end else unused.popleft())
            if thing.short not in {other.short for other in things}:
                things.append(thing)
        if len(things) == number:
            return things
        raise SettingsError(
            f"demo: there are only {len(self._names[kind])} names of type {kind}; generate fewer documents"
        )

    def _thing(self, kind: str, number: int) -> Thing:
        name, short = self._names[kind][number]
        return Thing(id=f"{kind}-{number}", type=kind, name=name, short=short)


def _link(pair: TypePair, cast: dict[str, list[Thing]], links: Sequence[Link], generator: Generator) -> Link:
    free = _unlinked(pair, cast, links)
    head, tail = free[generator.integers(len(free))]
    relations = list(pair.relations)
    return Link(head=head, relation=relations[generator.integers(len(relations))], tail=tail, wordings=pair)


def _unlinked(pair: TypePair, cast: dict[str, list[Thing]], links: Sequence[Link]) -> list[tuple[Thing, Thing]]:
    """Returns pairs of these types in the cast that no link joins in either direction."""
    linked = [{link.head.id, link.tail.id} for link in links]
    return [
        (head, tail)
        for head, tail in product(cast[pair.head], cast[pair.tail])
        if head != tail and {head.id, tail.id} not in linked
    ]


def _all_names(language: Language) -> dict[str, list[tuple[str, str]]]:
    """Returns the name and the short name of all entities that the parts of names make, by type."""
    names = language.names
    surnames = _compounds(names["surname_start"], names["surname_end"])
    roots = _compounds(names["organisation_start"], names["organisation_end"])
    return {
        "PER": [(f"{first} {surname}", surname) for surname, first in product(surnames, names["given"])],
        "ORG": [(f"{root} {kind}", root) for root, kind in product(roots, names["organisation_kind"])],
        "LOC": [(city, city) for city in _compounds(names["city_start"], names["city_end"])],
        "COUNTRY": [(country, country) for country in _compounds(names["country_start"], names["country_end"])],
    }


def _compounds(starts: Sequence[str], ends: Sequence[str]) -> list[str]:
    return [start + end for start, end in product(starts, ends)]
