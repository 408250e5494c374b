"""Collects the labels of a run to judge, with their text."""

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
    verdicts: Mapping[int, Verdict],
    *,
    top: int,
    random: int,
    most: int | None = None,
    spread: int = 0,
) -> list[Task]:
    """Returns the selected labels without a verdict: the random sample, the noisiest, and the others; see ``drawn``.

    A label of the random sample that was judged for another reason is returned with its verdict: without it the
    estimate would lack mostly noisy labels.
    """
    uids = scores.uid.tolist()
    judged = np.array([uid in verdicts for uid in uids], dtype=np.bool_)
    counted = np.array([uid in verdicts and verdicts[uid].drawn == "random" for uid in uids], dtype=np.bool_)
    why = drawn(scores.uid, scores.noise, scores.relation, judged, top=top, random=random, most=most, spread=spread)
    rows = np.flatnonzero((why > 0) & ~counted)
    rows = rows[np.lexsort((-scores.noise[rows], why[rows]))]
    return [_task(scores, corpus, row, DRAWN[why[row]], verdicts.get(uids[row])) for row in rows.tolist()]


def _task(scores: Scores, corpus: Corpus, row: int, drawn: str, verdict: Verdict | None) -> Task:
    document = corpus.document(int(scores.document[row]))
    head, tail = int(scores.head[row]), int(scores.tail[row])
    relation = scores.relations[scores.relation[row]]
    return Task(
        uid=int(scores.uid[row]),
        drawn=drawn,
        title=document.title,
        head=document.entities[head].mentions[0].name,
        relation=relation,
        name=corpus.names.get(relation, relation),
        tail=document.entities[tail].mentions[0].name,
        noise=float(scores.noise[row]),
        weight=float(scores.weight[row]),
        excerpt=excerpt(document, head, tail),
        suggested=None if scores.suggested is None else scores.suggested[row],
        suggested_confidence=None if scores.suggested_confidence is None else float(scores.suggested_confidence[row]),
        verdict=verdict.verdict if verdict else None,
        truth=verdict.truth if verdict else None,
    )
