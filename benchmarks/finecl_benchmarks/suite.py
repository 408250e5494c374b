"""Running a suite: cell after cell, each kept as soon as it is done, by as many processes as share the directory."""

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
from finecl.errors import FineCLError, NothingToDrawError, SettingsError, StoppedError
from finecl.progress import Listener
from finecl.registry import Registry
from finecl_benchmarks.cells import run_cell
from finecl_benchmarks.peak import peak_gigabytes, reset_peak
from finecl_benchmarks.record import RESULTS
from finecl_benchmarks.runs import Workplace
from finecl_benchmarks.suite_files import Cell, Suite
from finecl_benchmarks.tables import tables

Tell = Callable[[str], None]
_WAIT = 2.0  # seconds between looks at the cells that others are at


def run_suite(suite: Suite, directory: Path, registry: Registry, tell: Tell, listener: Listener | None = None) -> int:
    """Runs the cells that are not done yet, and waits for those that other processes are at; how many failed.

    A cell that cannot be run is kept as failed, with its reason; a method for which the data hold nothing to contrast
    is left out and has not failed. Killed at any moment, the same call goes on: cells are written whole, and the runs
    behind them go on from their checkpoints.
    """
    at = Workplace(directory, registry, listener or Listener())
    todo = list(suite.cells)
    while todo:
        left = [cell for cell in todo if not _tried(cell, at, tell, len(suite.cells))]
        if left and len(left) == len(todo):
            time.sleep(_WAIT)  # every one of them is in other hands
        todo = left
    tried = [read_json(path_of(cell, directory)) for cell in suite.cells]
    return sum(bool(record.get("failed")) and not record.get("left_out") for record in tried)


def path_of(cell: Cell, directory: Path) -> Path:
    """Where the record of a cell stands."""
    return directory / "cells" / f"{cell.fingerprint}.json"


def records_of(suite: Suite, directory: Path) -> list[dict[str, Any]]:
    """The records of the cells that are done, in the order of the suite."""
    found = [read_json(path_of(cell, directory)) for cell in suite.cells]
    return [record for record in found if record]


def keep_suite(suite: Suite, records: list[dict[str, Any]], baselines: Sequence[str]) -> Path:
    """Writes ``benchmarks/results/suite-NAME.json``: every cell but its single answers, and the tables made of all.

    Raises:
        SettingsError: some cells are not done.
    """
    if len(records) < len(suite.cells):
        missing = len(suite.cells) - len(records)
        raise SettingsError(f"--keep: expected all cells of '{suite.name}', got {len(records)}: {missing} are not done")
    cells = [{key: value for key, value in record.items() if key not in _NOT_KEPT} for record in records]
    commits = sorted({str(record["commit"]) for record in records})
    path = RESULTS / f"suite-{suite.name}.json"
    made = {"baselines": list(baselines), "tables": [asdict(table) for table in tables(records, baselines)]}
    write_json(path, {"benchmark": "suite", "suite": suite.name, "title": suite.title, "commits": commits, **made}
               | {"cells": cells, **environment()})  # fmt: skip
    return path


_NOT_KEPT = ("outcomes", "settings", "versions", "machine")


def plan(suite: Suite, directory: Path) -> dict[str, Any]:
    """How many cells and runs there are, and how many are done; the time that the others take, by those that are."""
    done = records_of(suite, directory)
    known = [record.get("cost", {}).get("seconds") for record in done]
    seconds = [each for each in known if each]
    missing = len(suite.cells) - len(done)
    kinds: dict[str, int] = {}
    for cell in suite.cells:
        kinds[cell.kind] = kinds.get(cell.kind, 0) + 1
    methods = [cell for cell in suite.cells if "method" in cell.varied]
    runs = {(c.varied["method"], c.varied["seed"]) for c in methods}
    return {
        "suite": suite.name,
        "cells": len(suite.cells),
        "by_kind": kinds,
        "runs": len(runs),
        "pretraining_steps": sum({(c.varied["method"], c.varied["seed"]): _steps(c) for c in methods}.values()),
        "done": len(suite.cells) - missing,
        "seconds_left": missing * sum(seconds) / len(seconds) if seconds else None,
    }


def _steps(cell: Cell) -> int:
    """The steps of pre-training that a cell's run takes."""
    overrides = {key: value for key, value in cell.settings.items() if key != "preset"}
    return resolve(preset=cell.settings.get("preset"), overrides=overrides).pretrain.max_steps


def _tried(cell: Cell, at: Workplace, tell: Tell, total: int) -> bool:
    """Whether the cell is done: before, or now; False if another process is at it, or at the run behind it."""
    path = path_of(cell, at.directory)
    if path.exists():
        return True
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        with lock.acquire(timeout=0):
            if not path.exists():
                record = _record(cell, at)
                write_json(path, record)
                done = sum(1 for _ in path.parent.glob("*.json"))
                said = record.get("failed") or f"{record['headline']} {record['value']:.4f}"
                tell(f"{done} of {total}: {cell.name}: {said}")
    except Timeout:
        return False
    return True


def _record(cell: Cell, at: Workplace) -> dict[str, Any]:
    told: Mapping[str, Any] = {"kind": cell.kind, "varied": dict(cell.varied), "settings": dict(cell.settings)}
    reset_peak()
    try:
        found = run_cell(cell, at)
        return {**told, **found, "cost": {**found["cost"], "peak_memory_gb": peak_gigabytes()}, **environment()}
    except StoppedError:
        raise
    except NothingToDrawError as error:
        return {**told, "failed": str(error), "left_out": True, **environment()}
    except FineCLError as error:
        return {**told, "failed": str(error), **environment()}
