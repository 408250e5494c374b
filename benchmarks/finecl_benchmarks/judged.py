"""Evaluates noise scorers on distant labels that people judged: ``python -m finecl_benchmarks.judged --keep``.

Each corpus is scored like any silver data. The judgements, shares of judges who say that the sentence states the
relation, are read only to evaluate: below one half a label counts as wrong. What the scorer ``verbalization`` compares
(the form of the statements, and the words around the mentions) was chosen on the sentences of "open" with even numbers;
only the others are counted there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
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
from finecl.pipeline.run import Run
from finecl.registry import Registry
from finecl.types import Bools, EvidenceKind, Floats, Instances, NoiseScorer, declared
from finecl_benchmarks.noise import SENTENCES
from finecl_benchmarks.readme_blocks import RESULTS
from finecl_benchmarks.task_files import data_file

CORPORA = ("open", "medical")
EVIDENCE: tuple[EvidenceKind, ...] = ("dynamics", "representations", "statements")
ENSEMBLE = ("area-under-margin", "verbalization")
_DISPUTED = (0.35, 0.65)
_FEWEST = 5  # labels of either kind, of a relation that is measured on its own


def measure(corpus: str, seed: int) -> dict[str, Any]:
    """Scores a corpus with every scorer that its evidence allows, and returns the record.

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
        began = time.perf_counter()
        evidence = run.evidence(EVIDENCE).evidence
        seconds = time.perf_counter() - began
    counted = ~np.isnan(share) & (np.array([_counts(corpus, titles[d]) for d in instances.document.tolist()]))
    noises = {name: scorer.score(instances, evidence) for name, scorer in _scorers(registry).items()}
    relation = instances.relation[counted]
    return {
        "corpus": corpus,
        "seed": seed,
        "labels": int(counted.sum()),
        "judged_wrong": float((share[counted] < 0.5).mean()),
        "scorers": {name: _measured(noise[counted], share[counted], relation) for name, noise in noises.items()},
        "seconds": seconds,
    }


def _keys(instances: Instances, titles: Any) -> list[str]:
    rows = zip(instances.document.tolist(), instances.relation.tolist(), strict=True)
    return [f"{titles[document]}|{instances.relations[relation]}" for document, relation in rows]


def _counts(corpus: str, title: str) -> bool:
    """Returns whether a sentence is for testing."""
    return corpus != "open" or int(title[1:]) % 2 == 1


def _scorers(registry: Registry) -> dict[str, Any]:
    """Returns the registered scorers that need no other evidence, and the ensemble of the two that differ most."""
    scorers = {}
    for name, part in registry.parts("scorer").items():
        if name not in ("file", "ensemble"):
            scorer = part.create()
            if set(declared(scorer, NoiseScorer, "required_evidence")) <= set(EVIDENCE):
                scorers[name] = scorer
    scorers[f"ensemble of {' and '.join(ENSEMBLE)}"] = registry.create("scorer", "ensemble", {"of": ENSEMBLE})
    return scorers


def _measured(noise: Floats, share: Any, relation: Any) -> dict[str, Any]:
    """Returns the measures of a scorer: over all labels, within relations, without disputed ones, against the share."""
    wrong: Bools = share < 0.5
    within: list[float] = []
    for number in np.unique(relation):
        rows = relation == number
        if min(wrong[rows].sum(), (~wrong[rows]).sum()) >= _FEWEST:
            auroc = noise_scores(noise[rows], wrong[rows]).auroc
            assert auroc is not None  # both kinds are there
            within.append(auroc)
    clear = (share <= _DISPUTED[0]) | (share >= _DISPUTED[1])
    finite = np.where(np.isinf(noise), np.nanmax(noise[np.isfinite(noise)]) + 1, noise)
    return {
        **asdict(noise_scores(noise, wrong)),
        "auroc_within_relations": float(np.mean(within)) if within else None,
        "auroc_undisputed": noise_scores(noise[clear], wrong[clear]).auroc,
        "rank_correlation": float(spearmanr(finite, 1 - share).statistic),
    }


def main() -> None:
    """Measures the corpora and prints the record as JSON; ``--keep`` stores it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=CORPORA)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--keep", action="store_true", help="store the record in benchmarks/results/judged.json")
    options = parser.parse_args()
    runs = [measure(corpus, seed) for corpus in options.corpora for seed in options.seeds]
    record = {"benchmark": "judged", "settings": dict(SENTENCES), "runs": runs, **environment()}
    if options.keep:
        write_json(RESULTS / "judged.json", record)
    print(json.dumps(record, indent=1))


def judged_block() -> str:
    """Returns the recorded measures as a table: AUROC over all labels and within relations, a row for each scorer."""
    record: Mapping[str, Any] = read_json(RESULTS / "judged.json")
    if not record:
        return "Not measured: no record. Create one with `python -m finecl_benchmarks.judged --keep`."
    by_corpus: dict[str, list[Mapping[str, Any]]] = {}
    for run in record["runs"]:
        by_corpus.setdefault(run["corpus"], []).append(run)
    heads = [
        f"{corpus}: {runs[0]['labels']:,} labels, {runs[0]['judged_wrong']:.0%} wrong | within relations"
        for corpus, runs in by_corpus.items()
    ]
    rows = [f"| scorer | {' | '.join(heads)} |", "|---" * (1 + 2 * len(heads)) + "|"]
    names = list(record["runs"][0]["scorers"])
    first = next(iter(by_corpus.values()))
    for name in sorted(names, key=lambda each: -_mean(first, each, "auroc")):
        cells = [
            f"{_mean(runs, name, key):.3f}"
            for runs in by_corpus.values()
            for key in ("auroc", "auroc_within_relations")
        ]
        rows.append(f"| {name if ' ' in name else f'`{name}`'} | {' | '.join(cells)} |")
    seeds = len(first)
    return "\n".join([*rows, "", f"AUROC, {seeds} seed{'s' if seeds > 1 else ''}."])


def _mean(runs: list[Mapping[str, Any]], scorer: str, key: str) -> float:
    return float(np.mean([run["scorers"][scorer][key] for run in runs]))


if __name__ == "__main__":
    main()
