"""The labels of a run that are to be judged, with their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finecl.report.excerpts import excerpt
from finecl.report.scores import Scores
from finecl.review.files import Task
from finecl.review.sample import DRAWN, drawn

if TYPE_CHECKING:
    from finecl.corpus import Corpus


def tasks(scores: Scores, corpus: Corpus, *, top: int, random: int, most: int | None = None) -> list[Task]:
    """The drawn labels that have no verdict yet: those drawn at random first, then the noisiest; see ``drawn``."""
    why = drawn(scores.uid, scores.noise, scores.relation, top=top, random=random, most=most)
    rows = np.flatnonzero((why > 0) & (scores.verdict == None))  # noqa: E711 - an array of objects
    rows = rows[np.lexsort((-scores.noise[rows], why[rows]))]
    found = []
    for row in rows.tolist():
        document = corpus.document(int(scores.document[row]))
        head, tail = int(scores.head[row]), int(scores.tail[row])
        relation = scores.relations[scores.relation[row]]
        task = Task(
            uid=scores.uid[row],
            drawn=DRAWN[why[row]],
            title=document.title,
            head=document.entities[head].mentions[0].name,
            relation=relation,
            name=corpus.names.get(relation, relation),
            tail=document.entities[tail].mentions[0].name,
            noise=float(scores.noise[row]),
            weight=float(scores.weight[row]),
            excerpt=excerpt(document, head, tail),
        )
        found.append(task)
    return found
