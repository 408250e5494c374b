"""What a cell does: one function a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from finecl.artifacts.scores_table import Scores
from finecl.errors import SettingsError
from finecl.metrics import counts_by_document, group_scores, read_docred_results
from finecl.pipeline.run import Run
from finecl.scoring.order_similarity import compare_runs
from finecl_benchmarks import noise, trimmed
from finecl_benchmarks.downstream import run_task
from finecl_benchmarks.runs import Workplace, cost_of, finished_run
from finecl_benchmarks.suite_files import Cell
from finecl_benchmarks.task_files import read_task

_DIFFICULT = 0.8  # of a relation's labels: what the proxy learned less of is difficult (FineCL, Table 7)


def run_cell(cell: Cell, at: Workplace) -> dict[str, Any]:
    """The record of a cell: ``value`` is its headline number, ``headline`` its name.

    Raises:
        FineCLError: the cell cannot be run, as a method on text that it cannot read.
    """
    return _KINDS[cell.kind](cell, at)


def _run(cell: Cell, at: Workplace) -> dict[str, Any]:
    run = finished_run(cell, at, "evaluate")
    facts, test = read_docred_results(run.directory / "predictions" / "pretrained.json"), run.context.corpora.test
    counts = counts_by_document(facts, list(test.documents()), no_relation=test.no_relation)
    return {
        "headline": "f1",
        "value": run.metrics["evaluate"]["pretrained"]["f1"],
        "metrics": run.metrics["evaluate"],
        "outcomes": {"counts": counts.tolist()},
        "cost": cost_of(run),
    }


def _task(cell: Cell, at: Workplace) -> dict[str, Any]:
    run = finished_run(cell, at, "pretrain")
    varied = cell.varied
    record = run_task(
        read_task(varied["task"]),
        model=str(run.directory / "encoder"),
        fraction=varied["fraction"],
        seed=varied["seed"],
        overrides=cell.task_settings,
        listener=at.listener,
    )
    cost = {"seconds": record["seconds"], "pretraining": cost_of(run)}
    kept = ("headline", "value", "metrics", "outcomes")
    return {key: record[key] for key in kept} | {"cost": cost | {"tokens_per_second": _rate(record)}}


def _score(cell: Cell, at: Workplace) -> dict[str, Any]:
    """What was learned when: the curves of FineCL's Figures 2 and 4."""
    run = finished_run(cell, at, "score")
    score = _scored(cell, run)
    scores = Scores.read(run.directory / "scores.parquet")
    learned = scores.learned()
    by_relation = {}
    if learned is not None:
        share_RE = scores.learned_by_relation(learned, len(score["learned_share"]))
        by_relation = dict(zip(scores.relations, share_RE.tolist(), strict=True))
    return {
        "headline": "labels learned in the end",
        "value": score["learned_share"][-1],
        "metrics": score | {"learned_by_relation": by_relation},
        "outcomes": None,
        "cost": cost_of(run),
    }


def _orders(cell: Cell, at: Workplace) -> dict[str, Any]:
    """Whether two proxies learn the same labels: FineCL's Figure 3."""
    assert cell.other_settings is not None
    runs = [finished_run(each, at, "score") for each in (cell, replace(cell, settings=cell.other_settings))]
    for run in runs:
        _scored(cell, run)
    found = compare_runs(runs[0].directory, runs[1].directory)
    return {
        "headline": "Jaccard of the labels learned in the end",
        "value": found.of_learned[-1],
        "metrics": asdict(found),
        "outcomes": None,
        "cost": {"seconds": sum(cost_of(run)["seconds"] for run in runs)},
    }


def _difficult(cell: Cell, at: Workplace) -> dict[str, Any]:
    """F1 on relations of which the proxy of ``finecl`` learned less than 80 %: FineCL's Table 7."""
    scored = replace(cell, varied={**cell.varied, "method": "finecl"})
    score = _score(scored, at)
    difficult = [name for name, share in score["metrics"]["learned_by_relation"].items() if share[-1] < _DIFFICULT]
    run = finished_run(cell, at, "evaluate")
    gold = list(run.context.corpora.test.documents())
    facts = read_docred_results(run.directory / "predictions" / "pretrained.json")
    found = group_scores(facts, gold, difficult, no_relation=run.context.corpora.test.no_relation)
    return {
        "headline": "micro F1 of difficult relations",
        "value": found.micro.f1,
        "metrics": asdict(found) | {"difficult": difficult, "all": run.metrics["evaluate"]["pretrained"]},
        "outcomes": None,
        "cost": cost_of(run),
    }


def _trimmed_documents(cell: Cell, at: Workplace) -> dict[str, Any]:
    """Training on what was learned in the first epoch: FineCL's Table 2."""
    run = finished_run(cell, at, "score")
    _scored(cell, run)
    record = trimmed.measure_run(run.context, cell.varied["part"])
    return {
        "headline": "F1",
        "value": record["f1"],
        "metrics": record,
        "outcomes": None,
        "cost": cost_of(run),
    }


def _scored(cell: Cell, run: Run) -> dict[str, Any]:
    """What stage "score" told.

    Raises:
        SettingsError: the method has no proxy, so nothing was learned.
    """
    score: dict[str, Any] = run.metrics["score"]
    if not score.get("learned_share"):
        raise SettingsError(f"{cell.name}: expected a method whose scorer trains a proxy, got none; take 'finecl'")
    return score


def _noise(cell: Cell, at: Workplace) -> dict[str, Any]:
    varied = cell.varied
    demo = varied["data"] == "demo"
    chosen = noise.demo(varied["seed"]) if demo else noise.wiki80(varied["noise"], varied["rate"], varied["seed"])
    overrides = {**chosen.overrides, **cell.settings}
    needs = tuple(cell.silver.get("needs", chosen.needs))
    gold = at.directory / "gold" / f"{varied['data']}-seed{varied['seed']}"
    record = noise.measure(replace(chosen, overrides=overrides, needs=needs), at.listener, gold)
    scores = {name: found["auroc"] for name, found in record["on_the_rest"].items()}
    return {
        "headline": "AUROC of the best scorer",
        "value": max(scores.values()),
        "metrics": record["on_the_rest"],
        "label_accuracy_by_order": record["label_accuracy_by_order"],
        "outcomes": None,
        "cost": {"seconds": record["proxy_train_seconds"]},
    }


def _trimmed(cell: Cell, at: Workplace) -> dict[str, Any]:
    record = trimmed.measure("type-consistent", cell.varied["rate"], cell.varied["seed"], at.listener)
    return {
        "headline": "accuracy",
        "value": record["accuracy"]["early"],
        "metrics": record,
        "outcomes": None,
        "cost": {},
    }


_KINDS: Mapping[str, Callable[[Cell, Workplace], dict[str, Any]]] = {
    "run": _run,
    "task": _task,
    "noise": _noise,
    "trimmed": _trimmed,
    "score": _score,
    "orders": _orders,
    "difficult": _difficult,
    "trimmed-documents": _trimmed_documents,
}


def _rate(record: Mapping[str, Any]) -> float | None:
    found: float | None = record["metrics"].get("tokens_per_second")
    return found
