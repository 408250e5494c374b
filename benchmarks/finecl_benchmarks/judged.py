"""Evaluates noise scorers on distant labels that people judged: ``python -m finecl_benchmarks.judged --keep``.

Each corpus is scored like any silver data. The judgements, shares of judges who say that the sentence states the
relation, are read only to evaluate: below one half a label counts as wrong. All choices (wordings, windows, settings)
were made on the sentences with even numbers; only the others are counted here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from finecl import registry as plugins
from finecl.artifacts.files import read_json, write_json
from finecl.artifacts.provenance import environment
from finecl.config.resolve import resolve
from finecl.metrics import noise_scores
from finecl.metrics.counts import dense_ranks, share_of_highest
from finecl.pipeline.run import Run
from finecl.registry import Registry
from finecl.types import Bools, Evidence, EvidenceKind, Floats, Instances, NoiseScorer, declared
from finecl_benchmarks.judged_stack import auroc_within, stacks
from finecl_benchmarks.noise import SENTENCES, accuracy_by_order
from finecl_benchmarks.probabilities import probability_record
from finecl_benchmarks.readme_blocks import RESULTS
from finecl_benchmarks.task_files import data_file

CORPORA = ("open", "medical")
EVIDENCE: tuple[EvidenceKind, ...] = ("dynamics", "representations", "statements", "text")
READERS = ("verbalization", "trigger")  # without training a proxy; the stack is made of these
ENSEMBLES = (READERS, (*READERS, "area-under-margin"), ("area-under-margin", "verbalization"))
_DISPUTED = (0.35, 0.65)


def measure(corpus: str, seed: int, kinds: Sequence[EvidenceKind] = EVIDENCE) -> dict[str, Any]:
    """Scores a corpus with every scorer that reads these kinds of evidence, and returns the record.

    Raises:
        SettingsError: the corpus is not there.
    """
    silver = data_file("judged", f"judged/{corpus}/silver.json")
    shares = read_json(silver.with_name("truth.json"))
    registry = plugins.load()
    with tempfile.TemporaryDirectory() as directory:
        settings = resolve(overrides={**SENTENCES, "data.silver": str(silver), "seed": seed})
        run = Run(Path(directory) / "run", settings, registry)
        instances = run.data.dataset("silver").instances
        titles = run.data.corpora.silver.titles
        share = np.array([shares.get(key, np.nan) for key in _keys(instances, titles)])
        gathered = run.evidence(kinds)
        evidence = gathered.evidence
        counted = np.flatnonzero(~np.isnan(share) & np.array([_counts(titles[d]) for d in instances.document.tolist()]))
        noises = {name: s.score(instances, evidence) for name, s in _scorers(registry, kinds).items()}
        stacked = stacks(registry, READERS, instances, evidence, share < 0.5, counted)
    return {
        "corpus": corpus,
        "seed": seed,
        "evidence": list(kinds),
        "labels": len(counted),
        "judged_wrong": float((share[counted] < 0.5).mean()),
        "scorers": _measured_all(noises, share[counted], counted, instances, evidence),
        "stacks": stacked,
        "label_accuracy_by_order": accuracy_by_order(evidence, "batch", share >= 0.5, counted),
        "proxy_train_seconds": gathered.proxy.train_seconds if gathered.proxy else None,
    }


def _measured_all(
    noises: Mapping[str, Floats], share: Any, counted: Any, instances: Instances, evidence: Evidence
) -> dict[str, Any]:
    """Returns the measures of each scorer on the labels ``counted``; ``share`` is that of judges who say right."""
    relation = instances.relation[counted]
    estimated = probability_record(noises, share < 0.5, evidence, counted)
    return {
        name: _measured(noise[counted], share, relation) | {"p_wrong": estimated.get(name)}
        for name, noise in noises.items()
    }


def _keys(instances: Instances, titles: Any) -> list[str]:
    rows = zip(instances.document.tolist(), instances.relation.tolist(), strict=True)
    return [f"{titles[document]}|{instances.relations[relation]}" for document, relation in rows]


def _counts(title: str) -> bool:
    """Returns whether a sentence is for testing."""
    return int(title[1:]) % 2 == 1


def _scorers(registry: Registry, kinds: Sequence[EvidenceKind]) -> dict[str, Any]:
    """Returns the registered scorers that need no other evidence, and ensembles."""
    scorers = {}
    for name, part in registry.parts("scorer").items():
        if name not in ("file", "ensemble"):
            scorers[name] = part.create()
    for members in ENSEMBLES:
        scorers[f"ensemble of {', '.join(members)}"] = registry.create("scorer", "ensemble", {"of": members})
    needed = {name: set(declared(each, NoiseScorer, "required_evidence")) for name, each in scorers.items()}
    return {name: scorer for name, scorer in scorers.items() if needed[name] <= set(kinds)}


def _measured(noise: Floats, share: Any, relation: Any) -> dict[str, Any]:
    """Returns the measures of a scorer: over all labels, within relations, without disputed ones, against the share."""
    wrong: Bools = share < 0.5
    clear = (share <= _DISPUTED[0]) | (share >= _DISPUTED[1])
    finite = np.where(np.isinf(noise), np.nanmax(noise[np.isfinite(noise)]) + 1, noise)
    return {
        **asdict(noise_scores(noise, wrong)),
        "precision_at_30_percent": share_of_highest(dense_ranks(noise), wrong, max(1, round(len(noise) * 0.3))),
        "auroc_within_relations": auroc_within(noise, wrong, relation),
        "auroc_undisputed": noise_scores(noise[clear], wrong[clear]).auroc,
        "rank_correlation": float(spearmanr(finite, 1 - share).statistic),
    }


def main() -> None:
    """Measures the corpora and prints the record as JSON; ``--keep`` stores it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=CORPORA)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--evidence", nargs="+", choices=EVIDENCE, default=EVIDENCE)
    parser.add_argument("--keep", action="store_true", help="store the record in benchmarks/results/judged.json")
    parser.add_argument("--add", action="store_true", help="with --keep: keep the recorded runs of other corpora")
    options = parser.parse_args()
    runs = [measure(corpus, seed, options.evidence) for corpus in options.corpora for seed in options.seeds]
    path = RESULTS / "judged.json"
    others = read_json(path).get("runs", []) if options.add else []
    runs = [*(run for run in others if run["corpus"] not in options.corpora), *runs]
    record = {"benchmark": "judged", "settings": dict(SENTENCES), "runs": runs, **environment()}
    if options.keep:
        write_json(path, record)
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
