"""Generates the built-in corpus: silver documents with about half of the labels wrong, and gold documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from finecl.data.demo.language import Language
from finecl.data.demo.world import Circle, World
from finecl.data.demo.writing import Style, write_document
from finecl.data.distant.labelling import label_silver
from finecl.types import Document, Generator


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Numbers of documents, and the style of their texts.

    ``shared``: the share of gold documents about entities that the silver and the other gold documents mention too.
    """

    silver: int = 800
    train: int = 200
    dev: int = 60
    test: int = 120
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

    Raises:
        SettingsError: there are too few names for so many documents.
    """
    settings = settings or DemoSettings()
    generator = np.random.default_rng(seed)
    world = World(Language.read(), generator)
    circles = [world.circle() for _ in range(settings.silver)]
    silver = _write("silver", circles, settings, generator)
    triples = tuple((link.head.id, link.relation, link.tail.id) for circle in circles for link in circle.links)
    gold = {
        name: _write(name, _gold_circles(number, circles, world, settings), settings, generator)
        for name, number in (("train", settings.train), ("dev", settings.dev), ("test", settings.test))
    }
    return DemoDocuments(silver=tuple(label_silver(silver, triples)), triples=triples, **gold)


def _gold_circles(number: int, known: Sequence[Circle], world: World, settings: DemoSettings) -> list[Circle]:
    """Returns the first silver circles, the same for every part, and new ones."""
    shared = list(known[: round(number * settings.shared)])
    return shared + [world.circle() for _ in range(number - len(shared))]


def _write(part: str, circles: Sequence[Circle], settings: DemoSettings, generator: Generator) -> tuple[Document, ...]:
    written = (write_document(f"{part} {n}", c, settings.style, generator) for n, c in enumerate(circles, start=1))
    return tuple(written)
