"""What a few judgements add: stacks of scorers on judged labels, and which labels to judge."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from finecl.metrics import noise_scores
from finecl.registry import Registry
from finecl.review.sampling import spread_over_relations
from finecl.types import Bools, Evidence, Floats, Instances, Ints

JUDGED = (30, 50, 100, 300)
DRAWS = 20  # samples of judged labels
_FEWEST = 5  # labels of either kind, of a relation that is measured on its own


def stacks(
    registry: Registry, members: Sequence[str], instances: Instances, evidence: Evidence, wrong: Bools, counted: Ints
) -> list[dict[str, Any]]:
    """Returns the AUROC of stacks on judged labels, and of their members, on the labels that were not judged.

    Labels are judged at random, or spread over relations as ``finecl review export --spread`` selects them. ``wrong``
    [N] holds the judgements; only the labels ``counted`` are judged and measured.

    The record has a row for each number of judged labels and way of selecting them: means over ``DRAWS`` samples.
    """
    plain = registry.create("scorer", "ensemble", {"of": tuple(members)}).score(instances, evidence)
    noises = {name: registry.create("scorer", name, {}).score(instances, evidence) for name in members}
    rows = []
    for count in JUDGED:
        for way in ("random", "spread"):
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("stack", "mean", *members)}
            for draw in range(DRAWS):
                judged = counted[_selected(way, count, instances.relation[counted], draw)]
                rest = np.setdiff1d(counted, judged)
                stack = _stack(registry, members, instances, evidence, wrong, judged)
                for name, noise in {"stack": stack, "mean": plain, **noises}.items():
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


def _selected(way: str, count: int, relation: Ints, draw: int) -> Ints:
    rng = np.random.default_rng(draw)
    if way == "random":
        return rng.choice(len(relation), count, replace=False)
    names = rng.permutation(len(relation)).astype(np.uint64)
    return spread_over_relations(names, relation, np.zeros(len(relation), dtype=np.bool_), count)


def _stack(
    registry: Registry, members: Sequence[str], instances: Instances, evidence: Evidence, wrong: Bools, judged: Ints
) -> Floats:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "judged.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["uid", "wrong"])
            writer.writerows([f"{instances.uid[row]:016x}", str(bool(wrong[row])).lower()] for row in judged.tolist())
        stack = registry.create("scorer", "ensemble", {"of": tuple(members), "gold": str(path)})
        noise: Floats = stack.score(instances, evidence)
        return noise
