"""Generates the built-in corpus: silver documents with about half of the labels wrong, and gold documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from finecl.data.demo.language import Language
from finecl.data.demo.world import Circle, World
from finecl.data.demo.writing import Style, write_document
from finecl.data.distant.labelling import label_silver
from finecl.types import Document, Generator


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Numbers of documents, and the style of their texts.

    ``noise``: the share of silver labels that are wrong, since their texts do not state the relation; for silver texts
    it replaces ``style.stated``. ``shared``: the share of gold documents about entities that the silver and the other
    gold documents mention too.
    """

    silver: int = 800
    train: int = 50
    dev: int = 60
    test: int = 300
    noise: float = 0.5
    shared: float = 0.2
    style: Style = field(default_factory=Style)


@dataclass(frozen=True, kw_only=True)
class DemoDocuments:
    """Documents of the built-in corpus, and the triples that label the silver documents."""

    silver: tuple[Document, ...]
    train: tuple[Document, ...]
    dev: tuple[Document, ...]
    test: tuple[Document, ...]
    triples: tuple[tuple[str, str, str], ...]


def demo_corpora(seed: int, settings: DemoSettings | None = None) -> DemoDocuments:
    """Generates the built-in corpus of a seed.

    A larger number of documents of a part adds documents to it and changes no other part, except that a larger test or
    dev part changes the gold parts generated after it (in the order test, dev, train).

    Raises:
        SettingsError: there are too few names for so many documents.
    """
    settings = settings or DemoSettings()
    generators = iter(map(np.random.default_rng, np.random.SeedSequence(seed).spawn(9)))
    world = World(Language.read(), next(generators))
    circles = list(islice(world.circles(next(generators)), settings.silver))
    style = replace(settings.style, stated=1 - settings.noise)
    silver = _write("silver", circles, style, next(generators))
    triples = tuple((link.head.id, link.relation, link.tail.id) for circle in circles for link in circle.links)
    gold = {}
    for name, number in (("test", settings.test), ("dev", settings.dev), ("train", settings.train)):
        fresh = world.circles(next(generators), from_end=True)
        chosen = _gold_circles(number, circles, fresh, settings.shared)
        gold[name] = _write(name, chosen, settings.style, next(generators))
    return DemoDocuments(silver=tuple(label_silver(silver, triples)), triples=triples, **gold)


def _gold_circles(number: int, known: Sequence[Circle], fresh: Iterator[Circle], shared: float) -> Iterator[Circle]:
    """Yields circles, of which the share ``shared``, evenly spread, are the first ones of silver, and others new."""
    for n in range(number):
        at = int(n * shared)
        is_shared = int((n + 1) * shared) > at and at < len(known)
        yield known[at] if is_shared else next(fresh)


def _write(part: str, circles: Iterable[Circle], style: Style, generator: Generator) -> tuple[Document, ...]:
    written = (write_document(f"{part} {n}", c, style, generator) for n, c in enumerate(circles, start=1))
    return tuple(written)
