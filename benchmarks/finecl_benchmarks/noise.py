"""How well each scorer finds labels that are known to be wrong: ``finecl benchmark noise``.

A corpus is corrupted with known truth, one proxy is trained on it, and every registered scorer that needs no settings
of its own is measured on the same evidence; so are third parties'. A stack of scorers is fitted on a few judged labels
and, with all others, measured on the rest.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finecl import registry as plugins
from finecl.config import Settings, resolve
from finecl.data.convert import convert
from finecl.data.corrupt import Kind, Noise
from finecl.data.source import Source
from finecl.errors import SettingsError
from finecl.inputs import recognise
from finecl.metrics import noise_scores
from finecl.progress import Listener
from finecl.records import environment
from finecl.registry import Registry
from finecl.stages.context import Context
from finecl.stages.gathering import gather
from finecl.types import Bools, Evidence, Floats, Instances, Need, first_epoch

STACK = "stack on {} gold labels"
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is measured: the corruption of a file, and the settings of the run that scores it."""

    name: str
    file: Path | None
    gold: Path | None
    kind: Kind | None
    rate: float
    seed: int
    overrides: Mapping[str, Any]
    needs: tuple[Need, ...] = ("dynamics", "representations", "gold", "held-out")
    judged: int = 100


def measure(setting: Setting, listener: Listener | None = None) -> dict[str, Any]:
    """AUROC, average precision and precision at 10 % of every scorer, and the accuracy of labels by learned epoch."""
    registry = plugins.load()
    with tempfile.TemporaryDirectory() as directory:
        settings = _settings(setting, Path(directory), registry)
        context = Context(Path(directory) / "run", settings, registry, listener or Listener())
        instances = context.labelled("silver").instances
        truth = context.corpora.silver.truths(instances.relations)
        if truth is None or truth.all():
            raise SettingsError(f"{setting.name}: expected some wrong labels and their truth, found none")
        run, evidence = gather(context, setting.needs)
        judged = np.random.default_rng(setting.seed).choice(len(truth), setting.judged, replace=False)
        table = _judged_table(Path(directory) / "judged.csv", instances, ~truth, judged)
        scorers, skipped = _scorers(context, setting, table)
        rest = np.setdiff1d(np.arange(len(truth)), judged)
        noises = {name: scorer.score(instances, evidence) for name, scorer in scorers.items()}
    return {
        "benchmark": "noise",
        "data": {"name": setting.name, "kind": setting.kind, "rate": setting.rate, "instances": len(truth)},
        "settings": _told(settings),
        "seed": setting.seed,
        "silver_accuracy": float(truth.mean()),
        "scorers": {
            name: asdict(noise_scores(noise, ~truth))
            for name, noise in noises.items()
            if name in registry.parts("scorer")
        },
        "on_the_rest": {name: asdict(noise_scores(noise[rest], ~truth[rest])) for name, noise in noises.items()},
        "skipped": skipped,
        "label_accuracy_by_order": {mode: _by_order(evidence, mode, truth) for mode in ("batch", "epoch")},
        "proxy_train_seconds": run.train_seconds if run else None,
        **environment(),
    }


def _settings(setting: Setting, directory: Path, registry: Registry) -> Settings:
    overrides = dict(setting.overrides) | {"seed": setting.seed}
    if setting.file is None:
        return resolve(overrides=overrides)
    corrupted = directory / "silver.jsonl"
    source = Source(setting.file, recognise(setting.file, registry))
    if setting.kind:
        noise = Noise.plan(source, rate=setting.rate, kind=setting.kind, seed=setting.seed)
        convert(noise.apply(source), registry.create("format", "jsonl", {}), corrupted)
    else:
        corrupted = setting.file
    gold = str(setting.gold or setting.file)
    files = {"data.silver": str(corrupted), "data.gold": gold}
    return resolve(overrides=overrides | files)


def _scorers(context: Context, setting: Setting, table: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Every registered scorer with its defaults, and the stack; why the others are left out."""
    found: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for name, part in context.registry.parts("scorer").items():
        lacking = set(getattr(part.factory, "needs", ("dynamics",))) - set(setting.needs)
        if lacking:
            skipped[name] = f"needs {', '.join(sorted(lacking))}, which was not made"
            continue
        try:
            found[name] = part.create()
        except SettingsError as error:
            skipped[name] = str(error)
    if "ensemble" in found:
        found[STACK.format(setting.judged)] = context.registry.create("scorer", "ensemble", {"gold": str(table)})
    return found, skipped


def _judged_table(path: Path, instances: Instances, wrong: Bools, rows: Any) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["uid", "wrong"])
        writer.writerows([f"{instances.uid[row]:016x}", str(bool(wrong[row])).lower()] for row in rows.tolist())
    return path


def _by_order(evidence: Evidence, mode: str, truth: Bools) -> list[dict[str, Any]] | None:
    dynamics = evidence.batch if mode == "batch" else evidence.epoch
    if dynamics is None:
        return None
    order = first_epoch(dynamics.correct)
    return [
        {"order": k or None, "instances": int((order == k).sum()), "accuracy": float(truth[order == k].mean())}
        for k in [*range(1, len(dynamics.correct) + 1), 0]
        if (order == k).any()
    ]


def _told(settings: Settings) -> dict[str, Any]:
    values = settings.to_dict()
    return {key: values[key] for key in ("model", "proxy", "extractor")} | {
        "finetune": {key: values["finetune"][key] for key in ("extractor", "num_train_epochs", "learning_rate")}
    }


def best(record: Mapping[str, Any], among: str = "scorers") -> tuple[str, Floats]:
    """The scorer of the highest AUROC, and that."""
    scores = {name: found["auroc"] for name, found in record[among].items()}
    name = max(scores, key=lambda n: scores[n] or 0.0)
    return name, scores[name]
