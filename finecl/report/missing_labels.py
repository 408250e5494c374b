"""Pairs without a label for which the proxy predicts a relation, with their text, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from finecl.artifacts.false_negatives import read_missing
from finecl.corpus.excerpts import Excerpt, excerpt
from finecl.report.numbers import share

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus

_LISTED = 50


@dataclass(frozen=True, kw_only=True)
class MissingLabels:
    """The number of pairs in all, and the most probable ones."""

    total: int
    rows: Sequence[MissingLabel]


@dataclass(frozen=True, kw_only=True)
class MissingLabel:
    """A pair with its most likely relation. ``parts`` are pieces of text with "head", "tail" or "" for each."""

    title: str
    relation: str
    probability: str
    parts: Sequence[tuple[str, str]]


def missing_labels(run: Path, silver: Corpus) -> MissingLabels | None:
    """Returns the most probable missing labels of a run; None if its proxy found none."""
    read = read_missing(run)
    if read is None or not len(read[0].document):
        return None
    found, relations = read
    rows = []
    for at in np.argsort(-found.probability, kind="stable")[:_LISTED].tolist():
        document = silver.document(int(found.document[at]))
        relation = relations[found.relation[at]]
        rows.append(
            MissingLabel(
                title=document.title,
                relation=silver.names.get(relation, relation),
                probability=share(float(found.probability[at])),
                parts=_parts(excerpt(document, int(found.head[at]), int(found.tail[at]))),
            )
        )
    return MissingLabels(total=len(found.document), rows=rows)


def _parts(text: Excerpt) -> list[tuple[str, str]]:
    """Cuts a text at its mentions; of overlapping mentions the first is marked."""
    spans = sorted([*((*span, "head") for span in text.head), *((*span, "tail") for span in text.tail)])
    parts, done = [], 0
    for start, end, role in spans:
        if start >= done:
            parts += [(text.text[done:start], ""), (text.text[start:end], role)]
            done = end
    return [part for part in [*parts, (text.text[done:], "")] if part[0]]
