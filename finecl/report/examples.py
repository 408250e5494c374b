"""The noisiest and the cleanest labels of each relation, with their text; only the documents shown are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from finecl.report.scores import Scores
from finecl.types import Document, Ints

if TYPE_CHECKING:
    from finecl.corpus import Corpus

Role: TypeAlias = Literal["head", "tail", ""]

SHOWN = 3
"""Examples of each end of the scale, for each relation."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Words in a row that belong to the head, to the tail, or to neither."""

    role: Role
    text: str


@dataclass(frozen=True, kw_only=True)
class Example:
    """One label and the sentences that name its entities; "…" stands for sentences left out.

    ``truth`` is the readable name of what the text states, None if unknown; ``right`` whether that is the label.
    """

    title: str
    head: str
    tail: str
    noise: float
    weight: float
    truth: str | None
    right: bool
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class RelationExamples:
    """Examples of one relation: ``noisiest`` from the noisiest on, ``cleanest`` from the cleanest on."""

    relation: str
    name: str
    instances: int
    noisiest: tuple[Example, ...]
    cleanest: tuple[Example, ...]


def examples_by_relation(scores: Scores, corpus: Corpus) -> list[RelationExamples]:
    """Examples of every relation, by its readable name; of labels of equal noise an arbitrary but fixed few.

    Empty if the noise does not tell labels apart.
    """
    if not scores.ranked:
        return []
    found = []
    for number, relation in enumerate(scores.relations):
        ordered = _by_noise(scores, np.flatnonzero(scores.relation == number))
        cleanest = ordered[:SHOWN]
        noisiest = ordered[SHOWN:][::-1][:SHOWN]  # no label is shown twice
        examples = RelationExamples(
            relation=relation,
            name=corpus.names.get(relation, relation),
            instances=len(ordered),
            noisiest=tuple(_example(scores, int(row), corpus) for row in noisiest),
            cleanest=tuple(_example(scores, int(row), corpus) for row in cleanest),
        )
        found.append(examples)
    return sorted(found, key=lambda examples: examples.name)


def _by_noise(scores: Scores, rows: Ints) -> Ints:
    """Rows from clean to noisy. Equal noise is shuffled: the first rows would all come from the first documents."""
    shuffled = np.random.default_rng(0).permutation(rows)
    return shuffled[np.argsort(scores.noise[shuffled], kind="stable")]


def _example(scores: Scores, row: int, corpus: Corpus) -> Example:
    document = corpus.document(int(scores.document[row]))
    head, tail = int(scores.head[row]), int(scores.tail[row])
    truth = scores.truth[row] if scores.truth is not None else None
    return Example(
        title=document.title,
        head=document.entities[head].mentions[0].name,
        tail=document.entities[tail].mentions[0].name,
        noise=float(scores.noise[row]),
        weight=float(scores.weight[row]),
        truth=_readable(truth, corpus),
        right=truth == scores.relations[scores.relation[row]],
        pieces=tuple(highlight(document, head, tail)),
    )


def _readable(truth: str | None, corpus: Corpus) -> str | None:
    if truth is None:
        return None
    return "no relation" if truth == corpus.no_relation else corpus.names.get(truth, truth)


def highlight(document: Document, head: int, tail: int) -> list[Piece]:
    """The sentences that name ``head`` or ``tail``, cut into pieces; where mentions overlap the head's wins."""
    roles: Mapping[int, list[Role]] = {
        sentence: [""] * len(document.sentences[sentence])
        for entity in (head, tail)
        for sentence in sorted(mention.sentence for mention in document.entities[entity].mentions)
    }
    names: Sequence[tuple[Role, int]] = (("tail", tail), ("head", head))
    for role, entity in names:
        for mention in document.entities[entity].mentions:
            roles[mention.sentence][mention.start : mention.end] = [role] * (mention.end - mention.start)
    pieces = []
    previous = -1
    for sentence in sorted(roles):
        if sentence != previous + 1:
            pieces.append(Piece(role="", text="…"))
        pieces += _pieces(document.sentences[sentence], roles[sentence])
        previous = sentence
    return pieces


def _pieces(words: Sequence[str], roles: Sequence[Role]) -> list[Piece]:
    runs = groupby(zip(roles, words, strict=True), key=lambda pair: pair[0])
    return [Piece(role=role, text=" ".join(word for _, word in run)) for role, run in runs]
