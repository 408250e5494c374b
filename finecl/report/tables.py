"""Tables of a report that are computed from scores: scorers compared, and the noise of each relation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata

from finecl.artifacts.scores_table import Scores
from finecl.metrics import noise_scores
from finecl.report.label_table import noise_shares
from finecl.report.numbers import Table, number, percent
from finecl.types import Floats


def scorers(scores: Scores | None, others: Mapping[str, Floats], own: str) -> Table | None:
    """How well each scorer finds wrong labels, the best first; None if no truth is known or there is one scorer."""
    if scores is None or not scores.ranked or not others:
        return None
    known, wrong = scores.known()
    if not wrong.any() or wrong.all():
        return None
    ranks = rankdata(scores.noise)
    rows = []
    for name, noise in {own: scores.noise, **others}.items():
        found = noise_scores(noise[known], wrong)
        told = (noise != noise[0]).any()
        spearman = float(np.corrcoef(ranks, rankdata(noise))[0, 1]) if told else None
        cells = (found.auroc, found.average_precision, found.precision_at_10_percent, spearman)
        label = f"{name} (this run's)" if name == own else name
        rows.append((found.auroc or 0.0, label, ["–" if cell is None else f"{cell:.3f}" for cell in cells]))
    rows.sort(key=lambda row: -row[0])
    columns = ["AUROC", "average precision", "precision at 10 %", "rank correlation"]
    return Table(title="Scorers compared", columns=columns, rows=[(label, cells) for _, label, cells in rows])


def by_relation(scores: Scores | None, names: Mapping[str, str], mode: str) -> Table | None:
    """Labels, noise and weights of each relation, the noisiest first; None where nothing was scored.

    Noise is the mean share of labels that are less noisy: 50 % for a relation like all others.
    """
    if scores is None or not scores.ranked:
        return None
    share, learned = noise_shares(scores.noise), scores.learned(mode)
    known, wrong = scores.known()
    columns = ["labels", "noise, %", "mean weight", *(["never learned, %"] if learned is not None else [])]
    columns += ["right, %"] if wrong.any() else []
    found = []
    for number_, relation in enumerate(scores.relations):
        rows = scores.relation == number_
        noise = float(share[rows].mean())
        cells = [number(int(rows.sum())), f"{100 * noise:.1f}", f"{scores.weight[rows].mean():.3f}"]
        cells += [percent(float((learned[rows] == 0).mean()))] if learned is not None else []
        own = rows[known]
        cells += [percent(float(1 - wrong[own].mean())) if own.any() else "–"] if wrong.any() else []
        found.append((-noise, names.get(relation, relation), cells))
    return Table(title="Relations", columns=columns, rows=[(name, cells) for _, name, cells in sorted(found)])
