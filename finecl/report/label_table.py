"""The silver labels as data of the page's table: columns of numbers and texts, the most suspicious first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from scipy.stats import rankdata

from finecl.artifacts.scores_table import Neighbours, Scores, format_uids
from finecl.corpus.excerpts import Excerpt, excerpt
from finecl.review.sampling import DRAWN, drawn
from finecl.types import Floats, Ints

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus

LISTED = 100_000
"""Maximum number of labels on the page: the random sample for review and the noisiest labels."""

_UNKNOWN, _NONE = -2, -1  # codes of truths that are not in the list of relations
_LONGEST = 800  # characters of a text


def noise_ranks(noise: Floats) -> Ints:
    """Returns the rank of each label ``[N]``: 1 is the noisiest; equal noise shares the smallest rank."""
    ranks: Ints = rankdata(-noise.astype(np.float64), method="min").astype(np.int64)
    return ranks


def label_table(
    scores: Scores, corpus: Corpus, others: Mapping[str, Floats], near: Neighbours | None, *, run: str, mode: str
) -> dict[str, Any]:
    """Returns the labels as JSON data for ``page.js``; reads only the documents of listed labels."""
    rank = noise_ranks(scores.noise)
    drawn_N = drawn(scores.uid, scores.noise, scores.relation, scores.judged)
    rows = _listed(scores, drawn_N)
    place = np.full(len(rank), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    relations = _relations(scores, rows, corpus.no_relation)
    number = {relation: at for at, relation in enumerate(relations)}
    learned = scores.learned(mode)
    truths = [None] * len(rank) if scores.truth is None else scores.truth
    excerpts = _excerpts(scores, rows, corpus)
    return {
        "run": run,
        "total": len(rank),
        "relations": [corpus.names.get(relation, relation) for relation in relations],
        "ids": relations,
        "labelled": len(scores.relations),
        "uid": format_uids(scores.uid[rows]),
        "relation": scores.relation[rows].tolist(),
        "wrong": None if scores.p_wrong is None else _thousandths(scores.p_wrong[rows]),
        "rank": rank[rows].tolist(),
        "weight": [round(weight, 4) for weight in scores.weight[rows].tolist()],
        "learned": None if learned is None else learned[rows].tolist(),
        "truth": [_truth(truths[row], number) for row in rows.tolist()],
        **_suggestions(scores, rows, number),
        "verdict": [scores.verdict[row] or "" for row in rows.tolist()],
        "drawn": [DRAWN[code] for code in drawn_N[rows].tolist()],
        "title": [title for title, _ in excerpts],
        "text": [part.text for _, part in excerpts],
        "head": [[at for span in part.head for at in span] for _, part in excerpts],
        "tail": [[at for span in part.tail for at in span] for _, part in excerpts],
        "scorers": {name: noise_ranks(noise)[rows].tolist() for name, noise in others.items()},
        "neighbours": _neighbours(near, place) if near else {},
    }


def as_script(data: Mapping[str, Any]) -> Markup:
    """Returns JSON that is safe inside a script element, because it cannot contain a closing tag."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _relations(scores: Scores, rows: Ints, no_relation: str) -> list[str]:
    """Returns the relations of the labels, then those that are only the truth or the suggestion of a listed label."""
    columns = [column[rows].tolist() for column in (scores.truth, scores.suggested) if column is not None]
    named = {relation for column in columns for relation in column if relation}
    return [*scores.relations, *sorted(named - {no_relation, *scores.relations})]


def _listed(scores: Scores, drawn_N: Ints) -> Ints:
    """Returns the listed rows, the most suspicious first; ties are shuffled, so that they do not follow documents."""
    shuffled = np.random.default_rng(0).permutation(len(scores.noise))
    keys = [-scores.noise[shuffled], *([] if scores.p_wrong is None else [-scores.p_wrong[shuffled]])]
    order: Ints = shuffled[np.lexsort(keys)]
    if len(order) <= LISTED:
        return order
    listed = drawn_N > 0
    others = order[~listed[order]]
    listed[others[: LISTED - int(listed.sum())]] = True
    return order[listed[order]]


def _thousandths(shares: Floats) -> list[int]:
    thousandths: list[int] = np.round(1000 * shares).astype(np.int64).tolist()
    return thousandths


def _truth(truth: str | None, number: Mapping[str, int]) -> int:
    return _UNKNOWN if truth is None else number.get(truth, _NONE)


def _suggestions(scores: Scores, rows: Ints, number: Mapping[str, int]) -> dict[str, Any]:
    """Returns the suggested relations as codes, and their confidences; None if no proxy suggested any."""
    if scores.suggested is None or scores.suggested_confidence is None:
        return {"suggested": None, "sure": None}
    codes = [number.get(scores.suggested[row], _NONE) for row in rows.tolist()]
    return {"suggested": codes, "sure": _thousandths(scores.suggested_confidence[rows])}


def _excerpts(scores: Scores, rows: Ints, corpus: Corpus) -> list[tuple[str, Excerpt]]:
    """Returns title and excerpt of each label; reads each document once."""
    excerpts: dict[int, tuple[str, Excerpt]] = {}
    by_document = rows[np.argsort(scores.document[rows], kind="stable")].tolist()
    document, read = None, -1
    for row in by_document:
        if document is None or read != scores.document[row]:
            read = int(scores.document[row])
            document = corpus.document(read)
        excerpts[row] = document.title, _truncate(excerpt(document, int(scores.head[row]), int(scores.tail[row])))
    return [excerpts[row] for row in rows.tolist()]


def _truncate(part: Excerpt) -> Excerpt:
    if len(part.text) <= _LONGEST:
        return part
    head, tail = (tuple((a, b) for a, b in spans if b <= _LONGEST) for spans in (part.head, part.tail))
    return Excerpt(text=part.text[:_LONGEST] + "…", head=head, tail=tail)


def _neighbours(near: Neighbours, place: Ints) -> dict[str, list[list[float]]]:
    """Returns the positions of each listed label's neighbours on the page, and their similarities in hundredths."""
    neighbours: dict[str, list[list[float]]] = {}
    for row, others, cosines in zip(near.row.tolist(), near.near.tolist(), near.similarity.tolist(), strict=True):
        listed = [[int(place[o]), round(100 * c)] for o, c in zip(others, cosines, strict=True) if o >= 0]
        if place[row] >= 0:
            neighbours[str(place[row])] = [pair for pair in listed if pair[0] >= 0]
    return neighbours
