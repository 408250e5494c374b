"""What a few judgements add: stacks of scorers on judged labels, and which labels to judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from finecl.metrics import noise_scores
from finecl.numerics.stack import stacked
from finecl.registry import Registry
from finecl.review.sampling import spread_over_relations
from finecl.types import Bools, Evidence, Floats, Instances, Ints

JUDGED = (30, 50, 100, 300)
DRAWS = 20  # samples of judged labels
_FEWEST = 5  # labels of either kind, of a relation that is measured on its own


def stacks(
    registry: Registry, members: Sequence[str], instances: Instances, evidence: Evidence, wrong: Bools, counted: Ints
) -> list[dict[str, Any]]:
    """Returns the AUROC of stacks on judged labels, and of their members.

    ``wrong`` [N] holds the judgements. In each of ``DRAWS`` rounds the labels ``counted`` are halved at random: of one
    half, labels are judged, selected at random or spread over relations as ``finecl review export --spread`` selects
    them; all is measured on the other half.

    The record has a row for each number of judged labels and way of selecting them: means over the rounds.
    """
    noises = {name: registry.create("scorer", name, {}).score(instances, evidence) for name in members}
    shares_NM = np.stack([(rankdata(noise) - 0.5) / len(noise) for noise in noises.values()], axis=1)
    noises |= {"mean": shares_NM.mean(axis=1).astype(np.float32)}
    rows = []
    for count in JUDGED:
        for way in ("random", "spread"):
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("stack", "mean", *members)}
            for draw in range(DRAWS):
                half, rest = np.array_split(np.random.default_rng(draw).permutation(counted), 2)
                judged = half[_selected(way, count, instances.relation[half])]
                stack = stacked(shares_NM, instances.relation, judged, wrong[judged]).astype(np.float32)
                for name, noise in {"stack": stack, **noises}.items():
                    within = auroc_within(noise[rest], wrong[rest], instances.relation[rest])
                    found[name].append((noise_scores(noise[rest], wrong[rest]).auroc or np.nan, within or np.nan))
            means = {name: np.mean(each, axis=0).tolist() for name, each in found.items()}
            never = np.mean([s[0] >= max(found[n][d][0] for n in members) for d, s in enumerate(found["stack"])])
            rows.append({"judged": count, "selected": way, "auroc": means, "no_worse_than_members": float(never)})
    return rows


def auroc_within(noise: Floats, wrong: Bools, relation: Ints) -> float | None:
    """Returns the mean AUROC over relations with at least five wrong and five right labels; None without any."""
    within = [
        noise_scores(noise[rows], wrong[rows]).auroc or 0.0
        for rows in (np.flatnonzero(relation == number) for number in np.unique(relation))
        if min(wrong[rows].sum(), (~wrong[rows]).sum()) >= _FEWEST
    ]
    return float(np.mean(within)) if within else None


def _selected(way: str, count: int, relation: Ints) -> Ints:
    """Returns which labels are judged, of labels in random order."""
    order = np.arange(len(relation))
    if way == "random":
        return order[:count]
    return spread_over_relations(order.astype(np.uint64), relation, np.zeros(len(order), dtype=np.bool_), count)
