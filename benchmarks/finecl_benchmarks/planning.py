"""What a suite would take, before any of it runs: seconds and memory, by a few timed passes of each method."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finecl.config.schema import Settings
from finecl.errors import FineCLError
from finecl.pipeline.run import Run
from finecl.progress import Listener
from finecl.registry import Registry
from finecl_benchmarks import noise
from finecl_benchmarks.downstream import read_splits, task_settings
from finecl_benchmarks.runs import Workplace, settings_of
from finecl_benchmarks.suite_files import Cell, Suite
from finecl_benchmarks.task_files import Task, read_task

_STAGES = dict.fromkeys(("noise", "score", "orders", "trimmed-documents"), ("score",)) | {"task": ("score", "pretrain")}
"""The stages of a run that a kind of cell needs; all, if it is not named."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of all cells that could be estimated, the largest memory of one in GB, and why others could not be."""

    seconds: float
    memory_gb: float
    unknown: Mapping[str, str]


def estimate(suite: Suite, registry: Registry, listener: Listener | None = None) -> Estimate:
    """Times a step of every method on the suite's data and counts the rest; a run is counted once, as it is run once.

    Other seeds, and other rates of noise, are taken to cost what the first one does.
    """
    seconds, memory, unknown = 0.0, 0.0, {}
    planned: dict[str, dict[str, Any] | FineCLError] = {}
    tasks: dict[tuple[Any, ...], int] = {}
    runs: set[str] = set()
    plain: set[tuple[Any, ...]] = set()
    with tempfile.TemporaryDirectory() as directory:
        at = Workplace(Path(directory), registry, listener or Listener())
        for cell in suite.cells:
            like = _like(cell)
            if like not in planned:
                planned[like] = _plan(cell, at)
            found = planned[like]
            try:
                if isinstance(found, FineCLError):
                    raise found
                tokens = _task_tokens(cell, tasks, registry) if cell.kind == "task" else 0
            except FineCLError as error:
                unknown[cell.name] = str(error)
                continue
            memory = max(memory, found["memory_gb"])
            stages = {stage["stage"]: stage for stage in found["stages"]}
            finetune = stages["finetune"]
            run = f"{like} {cell.varied.get('seed')} {cell.varied.get('noise')} {cell.varied.get('rate')}"
            if run not in runs:
                wanted = _STAGES.get(cell.kind, tuple(stages))
                seconds += sum(stages[name]["seconds"] for name in wanted if name in stages)
                runs.add(run)
                if "finetune" in wanted:
                    shared = (cell.varied.get("seed"), finetune["tokens"])
                    seconds -= finetune["seconds"] / 2 if shared in plain else 0  # one extractor is the plain encoder's
                    plain.add(shared)
            seconds += tokens * finetune["seconds"] / max(1, finetune["tokens"])
    return Estimate(seconds=seconds, memory_gb=memory, unknown=unknown)


def _like(cell: Cell) -> str:
    """The same for cells whose runs cost alike."""
    return f"{cell.kind} {cell.settings} {cell.varied.get('method')} {cell.varied.get('data')}"


def _plan(cell: Cell, at: Workplace) -> dict[str, Any] | FineCLError:
    """What the run behind a cell takes, or why that is not known, as where its data are not there."""
    try:
        return Run(at.directory / "planned", _settings(cell, at), at.registry, at.listener).plan()
    except FineCLError as error:
        return error


def _settings(cell: Cell, at: Workplace) -> Settings:
    if cell.kind in ("noise", "trimmed"):
        demo = cell.varied.get("data") == "demo"
        rate, seed = cell.varied.get("rate"), cell.varied["seed"]
        kind = cell.varied.get("noise", "type-consistent")
        chosen = noise.demo(seed) if demo else noise.wiki80(kind, float(rate or 0), seed)
        return noise.corrupted_settings(chosen, at.directory, at.registry)
    return settings_of(cell, at)


def _task_tokens(cell: Cell, known: dict[tuple[Any, ...], int], registry: Registry) -> int:
    """Sub-words that fine-tuning on a task reads, about: four characters each."""
    varied = cell.varied
    key = (varied["task"], varied["fraction"])
    if key not in known:
        known[key] = _count(read_task(varied["task"]), varied["fraction"], cell, registry)
    return known[key]


def _count(task: Task, fraction: float, cell: Cell, registry: Registry) -> int:
    settings = task_settings(task, "minilm", fraction, cell.varied["seed"], cell.task_settings)
    if task.metric == "episodes":
        return 0
    splits = read_splits(task, fraction, cell.varied["seed"], settings, registry)
    sizes = {
        name: sum(len(word) + 1 for d in getattr(splits, name).documents() for s in d.sentences for word in s) // 4
        for name in ("train", "dev", "test")
    }
    epochs = settings.finetune.num_train_epochs
    looks = -(-epochs // settings.finetune.eval_epochs)
    return epochs * sizes["train"] + looks * sizes["dev"] + sizes["test"]
