"""Runs a suite of experiments and saves each record when it is finished; processes can share one directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from finecl.artifacts.files import read_json, write_json
from finecl.artifacts.provenance import environment
from finecl.config.resolve import resolve
from finecl.errors import FineCLError, NothingToDrawError, SettingsError
from finecl.progress import Listener
from finecl.registry import Registry
from finecl_benchmarks.experiments import run_experiment
from finecl_benchmarks.peak_memory import peak_gigabytes, reset_peak
from finecl_benchmarks.record import RESULTS
from finecl_benchmarks.runs import SuiteContext
from finecl_benchmarks.suite_files import Experiment, Suite
from finecl_benchmarks.tables import build_tables

Log = Callable[[str], None]
_WAIT = 2.0  # seconds between two polls of experiments locked by other processes


def run_suite(suite: Suite, directory: Path, registry: Registry, log: Log, listener: Listener | None = None) -> int:
    """Runs the unfinished experiments, waits for those of other processes, and returns the number of failures.

    An experiment that cannot be run is recorded as failed, with its reason. A method for which the data contain no
    positives is recorded as left out and does not count as failed. Interrupted suites resume where they stopped:
    records are written atomically, and runs resume from their checkpoints.
    """
    context = SuiteContext(directory, registry, listener or Listener())
    pending = list(suite.experiments)
    while pending:
        locked = [each for each in pending if not _finish(each, context, log, len(suite.experiments))]
        if locked and len(locked) == len(pending):
            time.sleep(_WAIT)  # other processes hold the locks of all of them
        pending = locked
    records = [read_json(path_of(experiment, directory)) for experiment in suite.experiments]
    return sum(bool(record.get("failed")) and not record.get("left_out") for record in records)


def path_of(experiment: Experiment, directory: Path) -> Path:
    """Returns the path of an experiment's record."""
    return directory / "cells" / f"{experiment.fingerprint}.json"


def records_of(suite: Suite, directory: Path) -> list[dict[str, Any]]:
    """Returns the records of the finished experiments, in the order of the suite."""
    records = [read_json(path_of(experiment, directory)) for experiment in suite.experiments]
    return [record for record in records if record]


def save_suite_record(suite: Suite, records: list[dict[str, Any]], baselines: Sequence[str]) -> Path:
    """Writes ``benchmarks/results/suite-NAME.json``: all experiments without individual predictions, and their tables.

    Raises:
        SettingsError: some experiments are not finished.
    """
    if len(records) < len(suite.experiments):
        missing = len(suite.experiments) - len(records)
        raise SettingsError(f"--keep: expected all experiments of '{suite.name}' to be finished, {missing} are not")
    experiments = [{key: value for key, value in record.items() if key not in _OMITTED} for record in records]
    commits = sorted({str(record["commit"]) for record in records})
    path = RESULTS / f"suite-{suite.name}.json"
    results = {"baselines": list(baselines), "tables": [asdict(table) for table in build_tables(records, baselines)]}
    write_json(path, {"benchmark": "suite", "suite": suite.name, "title": suite.title, "commits": commits, **results}
               | {"cells": experiments, **environment()})  # fmt: skip
    return path


_OMITTED = ("outcomes", "settings", "versions", "machine")


def plan(suite: Suite, directory: Path) -> dict[str, Any]:
    """Counts experiments, runs and finished experiments; estimates the remaining seconds from the finished ones."""
    done = records_of(suite, directory)
    costs = [record.get("cost", {}).get("seconds") for record in done]
    seconds = [cost for cost in costs if cost]
    missing = len(suite.experiments) - len(done)
    kinds: dict[str, int] = {}
    for experiment in suite.experiments:
        kinds[experiment.kind] = kinds.get(experiment.kind, 0) + 1
    with_method = [experiment for experiment in suite.experiments if "method" in experiment.varied]
    steps = {(each.varied["method"], each.varied["seed"]): _steps(each) for each in with_method}
    return {
        "suite": suite.name,
        "cells": len(suite.experiments),
        "by_kind": kinds,
        "runs": len(steps),
        "pretraining_steps": sum(steps.values()),
        "done": len(suite.experiments) - missing,
        "seconds_left": missing * sum(seconds) / len(seconds) if seconds else None,
    }


def _steps(experiment: Experiment) -> int:
    """Returns the number of pre-training steps of an experiment's run."""
    overrides = {key: value for key, value in experiment.settings.items() if key != "preset"}
    return resolve(preset=experiment.settings.get("preset"), overrides=overrides).pretrain.max_steps


def _finish(experiment: Experiment, context: SuiteContext, log: Log, total: int) -> bool:
    """Runs the experiment unless it is finished; returns False if another process holds its lock or its run's."""
    path = path_of(experiment, context.directory)
    if path.exists():
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        with lock.acquire(timeout=0):
            if not path.exists():
                record = _record(experiment, context)
                write_json(path, record)
                done = sum(1 for _ in path.parent.glob("*.json"))
                result = record.get("failed") or f"{record['headline']} {record['value']:.4f}"
                log(f"{done} of {total}: {experiment.name}: {result}")
    except Timeout:
        return False
    return True


def _record(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    description: Mapping[str, Any] = {
        "kind": experiment.kind,
        "varied": dict(experiment.varied),
        "settings": dict(experiment.settings),
    }
    reset_peak()
    try:
        measured = run_experiment(experiment, context)
        cost = {**measured["cost"], "peak_memory_gb": peak_gigabytes()}
        return {**description, **measured, "cost": cost, **environment()}
    except NothingToDrawError as error:
        return {**description, "failed": str(error), "left_out": True, **environment()}
    except FineCLError as error:
        return {**description, "failed": str(error), **environment()}
