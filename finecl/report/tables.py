"""Tables of a report computed from scores: a comparison of scorers, and the noise of each relation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata

from finecl.artifacts.scores_table import Scores
from finecl.metrics.noise import noise_scores
from finecl.report.label_table import noise_shares
from finecl.report.numbers import Table, number, percent
from finecl.types import Floats


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
        rows.append((result.auroc or 0.0, label, ["–" if cell is None else f"{cell:.3f}" for cell in cells]))
    rows.sort(key=lambda row: -row[0])
    columns = ["AUROC", "average precision", "precision at 10 %", "rank correlation"]
    return Table(title="Scorers compared", columns=columns, rows=[(label, cells) for _, label, cells in rows])


def by_relation(scores: Scores | None, names: Mapping[str, str], mode: str) -> Table | None:
    """Returns labels, noise and weights of each relation, the noisiest first; None without scores.

    Noise is the mean share of labels that are less noisy: 50 % for an average relation.
    """
    if scores is None or not scores.ranked:
        return None
    share, learned = noise_shares(scores.noise), scores.learned(mode)
    known, wrong = scores.known()
    columns = ["labels", "noise, %", "mean weight", *(["never learned, %"] if learned is not None else [])]
    columns += ["right, %"] if wrong.any() else []
    body = []
    for number_, relation in enumerate(scores.relations):
        rows = scores.relation == number_
        noise = float(share[rows].mean())
        cells = [number(int(rows.sum())), f"{100 * noise:.1f}", f"{scores.weight[rows].mean():.3f}"]
        cells += [percent(float((learned[rows] == 0).mean()))] if learned is not None else []
        of_relation = rows[known]
        if wrong.any():
            cells += [percent(float(1 - wrong[of_relation].mean())) if of_relation.any() else "–"]
        body.append((-noise, names.get(relation, relation), cells))
    return Table(title="Relations", columns=columns, rows=[(name, cells) for _, name, cells in sorted(body)])
