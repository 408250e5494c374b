"""The labels of a run that are to be judged, with their text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from finecl.artifacts.scores_table import Scores
from finecl.corpus.excerpts import excerpt
from finecl.review.exchange import Task
from finecl.review.sampling import DRAWN, drawn
from finecl.review.verdicts import Verdict

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus


def tasks(
    scores: Scores,
    corpus: Corpus,
    said: Mapping[int, Verdict],
    *,
    top: int,
    random: int,
    most: int | None = None,
) -> list[Task]:
    """The drawn labels that have no verdict yet: those drawn at random first, then the noisiest; see ``drawn``.

    A label that is drawn at random now and was judged for another reason comes along with its verdict: left out, it
    would be missing in the estimate, and those are the noisy ones.
    """
    uids = scores.uid.tolist()
    judged = np.array([uid in said for uid in uids], dtype=np.bool_)
    counted = np.array([uid in said and said[uid].drawn == "random" for uid in uids], dtype=np.bool_)
    why = drawn(scores.uid, scores.noise, scores.relation, judged, top=top, random=random, most=most)
    rows = np.flatnonzero((why > 0) & ~counted)
    rows = rows[np.lexsort((-scores.noise[rows], why[rows]))]
    found = []
    for row in rows.tolist():
        document = corpus.document(int(scores.document[row]))
        head, tail = int(scores.head[row]), int(scores.tail[row])
        relation, verdict = scores.relations[scores.relation[row]], said.get(uids[row])
        task = Task(
            uid=uids[row],
            drawn=DRAWN[why[row]],
            title=document.title,
            head=document.entities[head].mentions[0].name,
            relation=relation,
            name=corpus.names.get(relation, relation),
            tail=document.entities[tail].mentions[0].name,
            noise=float(scores.noise[row]),
            weight=float(scores.weight[row]),
            excerpt=excerpt(document, head, tail),
            verdict=verdict.verdict if verdict else None,
            truth=verdict.truth if verdict else None,
        )
        found.append(task)
    return found
