"""Tables of a report computed from scores: what the weights did, a comparison of scorers, and the relations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata

from finecl.artifacts.scores_table import Scores
from finecl.metrics.noise import noise_scores
from finecl.report.headline import LIKELY
from finecl.report.label_table import noise_ranks
from finecl.report.numbers import Table, number, percent, score
from finecl.types import Bools, Floats


def scorers(scores: Scores | None, others: Mapping[str, Floats], run_scorer: str) -> Table | None:
    """Compares how well scorers detect wrong labels, the best first; None without known truth or other scorers."""
    if scores is None or not scores.ranked or not others:
        return None
    known, wrong = scores.known()
    if not wrong.any() or wrong.all():
        return None
    ranks = rankdata(scores.noise)
    rows = []
    for name, noise in {run_scorer: scores.noise, **others}.items():
        result = noise_scores(noise[known], wrong)
        varies = (noise != noise[0]).any()
        spearman = float(np.corrcoef(ranks, rankdata(noise))[0, 1]) if varies else None
        cells = (result.auroc, result.average_precision, result.precision_at_10_percent, spearman)
        label = f"{name} (this run's)" if name == run_scorer else name
        rows.append((result.auroc or 0.0, label, [score(cell) for cell in cells]))
    rows.sort(key=lambda row: -row[0])
    columns = ["AUROC", "average precision", "precision at 10 %", "rank correlation"]
    return Table(title="Scorers compared", columns=columns, rows=[(label, cells) for _, label, cells in rows])


def weights(scores: Scores | None) -> Table | None:
    """Compares the shares of labels and of weight that likely wrong and other labels have; None without scores.

    With known truth, wrong and right labels are compared, too.
    """
    if scores is None or not scores.ranked or scores.p_wrong is None or not scores.weight.sum():
        return None
    likely: Bools = scores.p_wrong >= LIKELY
    groups: dict[str, Bools] = {"more likely wrong than right": likely, "more likely right": ~likely}
    known, wrong = scores.known()
    if wrong.any():
        rows = np.flatnonzero(known)
        for name, members in (("wrong, by their truth", wrong), ("right, by their truth", ~wrong)):
            groups[name] = np.isin(np.arange(len(known)), rows[members])
    total = float(scores.weight.sum())
    body = []
    for name, members in groups.items():
        mean = score(float(scores.weight[members].mean())) if members.any() else "–"
        shares = (percent(float(members.mean())), percent(float(scores.weight[members].sum()) / total))
        body.append((name, [number(int(members.sum())), mean, *shares]))
    columns = ["labels", "mean weight", "share of labels, %", "share of weight, %"]
    return Table(title="Weight of likely wrong labels", columns=columns, rows=body)


def by_relation(scores: Scores | None, names: Mapping[str, str], mode: str) -> Table | None:
    """Returns labels, estimated errors and weights of each relation, the worst first; None without scores."""
    if scores is None or not scores.ranked:
        return None
    rank, learned = noise_ranks(scores.noise), scores.learned(mode)
    known, wrong = scores.known()
    columns = ["labels", *(["wrong, estimated, %"] if scores.p_wrong is not None else []), "median rank", "mean weight"]
    columns += (["never learned, %"] if learned is not None else []) + (["right, by truth, %"] if wrong.any() else [])
    body = []
    for number_, relation in enumerate(scores.relations):
        rows = scores.relation == number_
        median = float(np.median(rank[rows]))
        estimated = [] if scores.p_wrong is None else [float(scores.p_wrong[rows].mean())]
        cells = [
            number(int(rows.sum())),
            *map(percent, estimated),
            number(round(median)),
            score(float(scores.weight[rows].mean())),
        ]
        cells += [percent(float((learned[rows] == 0).mean()))] if learned is not None else []
        of_relation = rows[known]
        if wrong.any():
            cells += [percent(float(1 - wrong[of_relation].mean())) if of_relation.any() else "–"]
        body.append((([-value for value in estimated], median), names.get(relation, relation), cells))
    return Table(title="Relations", columns=columns, rows=[(name, cells) for _, name, cells in sorted(body)])
