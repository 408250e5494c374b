"""Artificial label noise with known truth, for the evaluation of noise scorers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Document, Generator, Label

Kind = Literal["uniform", "type-consistent", "frequency", "entity-swap"]
KINDS: Mapping[Kind, str] = {
    "uniform": "another relation, all equally likely",
    "type-consistent": "another relation that occurs between entities of the same types",
    "frequency": "another relation, with a probability proportional to its frequency",
    "entity-swap": "the same relation with head or tail replaced by an entity that has no label with the other end",
}
"""Replacement of a label by kind of noise."""

Claim = tuple[int, int, str]


@dataclass(frozen=True)
class Noise:
    """Replacements of labels: (document, label), both counted from 0, -> (head, tail, relation)."""

    kind: Kind
    labels: int
    changed: Mapping[tuple[int, int], Claim]
    no_relation: str

    @classmethod
    def plan(
        cls, documents: Iterable[Document], *, rate: float, kind: Kind, seed: int, no_relation: str = "no_relation"
    ) -> Noise:
        """Samples round(rate * labels) labels and their replacements; deterministic for a seed.

        Labels of ``no_relation`` are neither counted nor changed. No pair gets a relation that it already has.

        Raises:
            SettingsError: the rate is not between 0 and 1, the kind is unknown, or too few labels can be changed.
        """
        if not 0 <= rate <= 1:
            raise SettingsError(f"--rate: expected a number from 0 to 1, got {rate}")
        if kind not in get_args(Kind):
            raise SettingsError(f"--kind: expected one of {', '.join(get_args(Kind))}, got '{kind}'")
        corpus = _CorpusLabels.of(documents, no_relation)
        return cls(kind, len(corpus.labels), corpus.corrupt(kind, round(rate * len(corpus.labels)), seed), no_relation)

    def apply(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents of ``plan`` with noise; ``truth`` of each label is the true relation of its pair."""
        for number, document in enumerate(documents):
            labels = (self._label(label, (number, n)) for n, label in enumerate(document.labels))
            yield replace(document, labels=tuple(labels))

    def _label(self, label: Label, place: tuple[int, int]) -> Label:
        truth = label.truth or label.relation
        if place not in self.changed:
            return replace(label, truth=truth)
        head, tail, relation = self.changed[place]
        same_pair = (head, tail) == (label.head, label.tail)
        return replace(label, head=head, tail=tail, relation=relation, truth=truth if same_pair else self.no_relation)


@dataclass
class _CorpusLabels:
    """Types of entities and labels of all documents."""

    types: list[tuple[str, ...]] = field(default_factory=list)
    labels: list[tuple[int, int, Claim]] = field(default_factory=list)
    """(document, label, claim) of every label."""
    taken: dict[tuple[int, int, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Relations of (document, head, tail), both original and replaced."""
    labelled: dict[int, set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))
    by_types: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    frequency: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, documents: Iterable[Document], no_relation: str) -> _CorpusLabels:
        """Reads all documents once."""
        corpus = cls()
        for number, document in enumerate(documents):
            corpus.types.append(tuple(entity.type or "" for entity in document.entities))
            for n, label in enumerate(document.labels):
                corpus.labelled[number].add((label.head, label.tail))
                corpus.taken[number, label.head, label.tail].add(label.relation)
                if label.relation != no_relation:
                    corpus._count(number, n, label)
        return corpus

    def _count(self, number: int, n: int, label: Label) -> None:
        types = self.types[number]
        self.labels.append((number, n, (label.head, label.tail, label.relation)))
        self.by_types[types[label.head], types[label.tail]].add(label.relation)
        self.frequency[label.relation] += 1

    def corrupt(self, kind: Kind, count: int, seed: int) -> dict[tuple[int, int], Claim]:
        """Replaces labels in random order until ``count`` are replaced."""
        generator = np.random.default_rng(seed)
        relations = sorted(self.frequency)
        changed: dict[tuple[int, int], Claim] = {}
        for at in generator.permutation(len(self.labels)):
            if len(changed) == count:
                break
            number, n, claim = self.labels[at]
            if kind == "entity-swap":
                replacement = self._swapped(number, claim, generator)
            else:
                replacement = self._renamed(number, claim, kind, relations, generator)
            if replacement:
                changed[number, n] = replacement
                self.taken[number, replacement[0], replacement[1]].add(replacement[2])
        if len(changed) < count:
            most = len(changed) / len(self.labels)
            raise SettingsError(f"--rate: expected at most {most:.3f}, since no more labels can be changed by '{kind}'")
        return changed

    def _renamed(
        self, number: int, claim: Claim, kind: Kind, relations: Sequence[str], generator: Generator
    ) -> Claim | None:
        head, tail, _ = claim
        types = self.types[number]
        known = sorted(self.by_types[types[head], types[tail]]) if kind == "type-consistent" else relations
        free = [relation for relation in known if relation not in self.taken[number, head, tail]]
        if not free:
            return None
        weight = np.array([self.frequency[relation] if kind == "frequency" else 1 for relation in free], dtype=float)
        return head, tail, free[int(generator.choice(len(free), p=weight / weight.sum()))]

    def _swapped(self, number: int, claim: Claim, generator: Generator) -> Claim | None:
        head, tail, relation = claim
        types = self.types[number]
        others = [entity for entity in range(len(types)) if entity not in (head, tail)]
        pairs = [(head, other, types[other] == types[tail]) for other in others]
        pairs += [(other, tail, types[other] == types[head]) for other in others]
        free = [
            (a, b, alike)
            for a, b, alike in pairs
            if (a, b) not in self.labelled[number] and relation not in self.taken[number, a, b]
        ]
        alike = [pair for pair in free if pair[2]] or free  # prefer entities of the same type
        if not alike:
            return None
        a, b, _ = alike[int(generator.integers(len(alike)))]
        return a, b, relation
