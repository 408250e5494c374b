"""Evaluates noise scorers on labels that are known to be wrong: ``finecl benchmark noise``.

Corrupts a corpus with known truth, trains one proxy on it, and measures every registered scorer that works with its
default settings, third-party ones included, on the same evidence. A stack of scorers is fitted on a few judged labels;
it and all other scorers are measured on the remaining labels.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from finecl import registry as plugins
from finecl.artifacts.provenance import environment
from finecl.config.resolve import resolve
from finecl.config.schema import Settings
from finecl.data.convert import convert
from finecl.data.corrupt import Kind, Noise
from finecl.data.formats import DocumentFile, recognise
from finecl.errors import SettingsError
from finecl.metrics import noise_scores
from finecl.pipeline.run import Run
from finecl.pipeline.stages.evidence_cache import GatheredEvidence
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.types import Bools, Evidence, EvidenceKind, Floats, Instances, NoiseScorer, declared, first_epoch
from finecl_benchmarks.probabilities import probability_record
from finecl_benchmarks.task_files import data_file

STACK = "stack on {} gold labels"
STACKED = (
    "learning-order",
    "small-loss",
    "area-under-margin",
    "confidence",
    "knn",
    "confident-learning",
)
"""Scorers of the stack that use silver labels only; "softmax-confidence", which is trained on gold labels, is added."""
# Proxy for sentences: a small encoder, a few minutes on two cores. Few epochs, since labels learned late are memorised.
SENTENCES: Mapping[str, Any] = {
    "model.max_length": 128,
    "proxy.extractor": "markers",
    "proxy.batch_size": 32,
    "proxy.num_train_epochs": 7,
    "proxy.learning_rate": 2e-4,
    "proxy.head_learning_rate": 1e-3,
    "proxy.folds": 3,
    "proxy.fold_epochs": 3,
    "finetune.extractor": "markers",
    "finetune.batch_size": 32,
    "finetune.num_train_epochs": 8,
    "finetune.eval_epochs": 2,
    "finetune.learning_rate": 2e-4,
    "finetune.head_learning_rate": 1e-3,
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One measurement: the corruption of a file, and the settings of the run that scores it."""

    name: str
    file: Path | None
    gold: Path | None
    kind: Kind | None
    rate: float
    seed: int
    overrides: Mapping[str, Any]
    evidence: tuple[EvidenceKind, ...] = ("dynamics", "representations", "gold", "held-out")
    judged: int = 100


def measure(setting: Setting, listener: Listener | None = None, gold: Path | None = None) -> dict[str, Any]:
    """Measures all scorers on one corrupted corpus and returns the record.

    The record holds AUROC, average precision and precision at 10 % of each scorer, and the label accuracy by the
    epoch in which labels were learned. ``gold`` is the directory of the extractor trained on gold labels, which all
    noise settings of the same data and seed share.

    Raises:
        SettingsError: no label is wrong, or the truth is unknown.
    """
    registry = plugins.load()
    with tempfile.TemporaryDirectory() as directory:
        settings = corrupted_settings(setting, Path(directory), registry)
        run = Run(Path(directory) / "run", settings, registry, listener)
        instances = run.data.dataset("silver").instances
        truth = run.data.corpora.silver.truths(instances.relations)
        if truth is None or truth.all():
            raise SettingsError(f"{setting.name}: expected some wrong labels and their truth, found none")
        gathered = _gather_evidence(run, setting, gold)
        evidence, proxy = gathered.evidence, gathered.proxy
        judged = np.random.default_rng(setting.seed).choice(len(truth), setting.judged, replace=False)
        table = _write_judged(Path(directory) / "judged.csv", instances, ~truth, judged)
        scorers, skipped = _scorers(registry, setting, table)
        rest = np.setdiff1d(np.arange(len(truth)), judged)
        noises = {name: scorer.score(instances, evidence) for name, scorer in scorers.items()}
    registered = {name: noise for name, noise in noises.items() if name in registry.parts("scorer")}
    return {
        "benchmark": "noise",
        "data": {"name": setting.name, "kind": setting.kind, "rate": setting.rate, "instances": len(truth)},
        "settings": _recorded_settings(settings),
        "seed": setting.seed,
        "silver_accuracy": float(truth.mean()),
        "scorers": _metrics(registered, ~truth),
        "on_the_rest": _metrics({name: noise[rest] for name, noise in noises.items()}, ~truth[rest]),
        "p_wrong": probability_record(registered, ~truth, evidence),
        "skipped": skipped,
        "label_accuracy_by_order": {mode: accuracy_by_order(evidence, mode, truth) for mode in ("batch", "epoch")},
        "proxy_train_seconds": proxy.train_seconds if proxy else None,
        **environment(),
    }


def _gather_evidence(run: Run, setting: Setting, gold: Path | None) -> GatheredEvidence:
    """Gathers the evidence of a setting; trains the shared extractor on gold labels first, under a lock."""
    if gold and "gold" in setting.evidence:
        gold.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(gold.with_suffix(".lock")):
            Run(gold, run.spec.settings, run.registry, run.listener).evidence(("gold",))
    return run.evidence(setting.evidence)


def _metrics(noises: Mapping[str, Floats], wrong: Bools) -> dict[str, dict[str, Any]]:
    """Computes the detection metrics of each scorer from its noise ``[N]``."""
    return {name: asdict(noise_scores(noise, wrong)) for name, noise in noises.items()}


def corrupted_settings(setting: Setting, directory: Path, registry: Registry) -> Settings:
    """Writes the corrupted file into ``directory`` and returns the settings of a run on it."""
    overrides = dict(setting.overrides) | {"seed": setting.seed}
    if setting.file is None:
        return resolve(overrides=overrides)
    corrupted = directory / "silver.jsonl"
    source = DocumentFile(setting.file, recognise(setting.file, registry))
    if setting.kind:
        noise = Noise.plan(source, rate=setting.rate, kind=setting.kind, seed=setting.seed)
        convert(noise.apply(source), registry.create("format", "jsonl", {}), corrupted)
    else:
        corrupted = setting.file
    gold = str(setting.gold or setting.file)
    files = {"data.silver": str(corrupted), "data.gold": gold}
    return resolve(overrides=overrides | files)


def _scorers(registry: Registry, setting: Setting, table: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Creates the registered scorers with their defaults, and the stack; returns them and why others were skipped."""
    scorers: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for name, part in registry.parts("scorer").items():
        try:
            scorer = part.create()
        except SettingsError as error:
            skipped[name] = str(error)
            continue
        missing = set(declared(scorer, NoiseScorer, "required_evidence")) - set(setting.evidence)
        if missing:
            skipped[name] = f"needs {', '.join(sorted(missing))}, which was not computed"
        else:
            scorers[name] = scorer
    if "ensemble" in registry.parts("scorer"):
        members = ["+".join(name for name in STACKED if name in scorers)]
        members += ["softmax-confidence"] if "softmax-confidence" in scorers else []
        stack = registry.create("scorer", "ensemble", {"gold": str(table), "of": tuple(members)})
        scorers[STACK.format(setting.judged)] = stack
    return scorers, skipped


def _write_judged(path: Path, instances: Instances, wrong: Bools, rows: Any) -> Path:
    """Writes uid and truth of the judged labels as CSV; returns the path."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["uid", "wrong"])
        writer.writerows([f"{instances.uid[row]:016x}", str(bool(wrong[row])).lower()] for row in rows.tolist())
    return path


def accuracy_by_order(
    evidence: Evidence, mode: str, truth: Bools, counted: Any = slice(None)
) -> list[dict[str, Any]] | None:
    """Returns number and accuracy of the labels by the epoch in which they were learned; None without dynamics.

    *Shape:* ``truth`` [N]; ``counted`` are the labels that count, by default all.
    """
    dynamics = evidence.batch if mode == "batch" else evidence.epoch
    if dynamics is None:
        return None
    order, truth = first_epoch(dynamics.correct)[counted], truth[counted]
    return [
        {"order": k or None, "instances": int((order == k).sum()), "accuracy": float(truth[order == k].mean())}
        for k in [*range(1, len(dynamics.correct) + 1), 0]
        if (order == k).any()
    ]


def _recorded_settings(settings: Settings) -> dict[str, Any]:
    values = settings.to_dict()
    return {key: values[key] for key in ("model", "proxy", "extractor")} | {
        "finetune": {key: values["finetune"][key] for key in ("extractor", "num_train_epochs", "learning_rate")}
    }


def wiki80(kind: Kind, rate: float, seed: int) -> Setting:
    """Returns the setting of Wiki80's 5,600 sentences of 80 relations, corrupted; gold is its 10 % training file."""
    return Setting(
        name="wiki80",
        file=data_file("noise", "wiki80/dev.txt"),
        gold=data_file("noise", "wiki80/train_0.1.txt"),
        kind=kind,
        rate=rate,
        seed=seed,
        overrides=SENTENCES,
    )


def demo(seed: int, rate: float = 0.5) -> Setting:
    """Returns the setting of the built-in corpus, whose wrong labels are not stated by their sentences."""
    overrides = {"proxy.folds": 3, "proxy.fold_epochs": 3, "data.demo.noise": rate}
    return Setting(name="demo", file=None, gold=None, kind=None, rate=rate, seed=seed, overrides=overrides)


def format_record(record: Mapping[str, Any]) -> list[str]:
    """Formats the record as a text table, sorted by AUROC; one string per line."""
    data = record["data"]
    head = f"{data['name']}, {data['kind'] or 'natural'} noise, {1 - record['silver_accuracy']:.1%} wrong labels"
    scores = record["on_the_rest"]
    order = sorted(scores, key=lambda name: -(scores[name]["auroc"] or 0.0))
    return [
        f"{head}, seed {record['seed']}",
        f"{'scorer':28} {'AUROC':>7} {'AP':>7} {'P@10%':>7}",
        *(
            f"{name:28} {scores[name]['auroc']:7.4f} {scores[name]['average_precision']:7.4f} "
            f"{scores[name]['precision_at_10_percent']:7.4f}"
            for name in order
        ),
        *(f"{name}: skipped, {reason}" for name, reason in record["skipped"].items()),
    ]
