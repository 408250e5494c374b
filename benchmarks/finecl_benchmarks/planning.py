"""Estimates the seconds and memory of a suite from a few timed steps of each method, without running it."""

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
from finecl_benchmarks.runs import SuiteContext, settings_of
from finecl_benchmarks.suite_files import Experiment, Suite
from finecl_benchmarks.task_files import Task, read_task

_STAGES = dict.fromkeys(("noise", "score", "orders", "trimmed-documents"), ("score",)) | {"task": ("score", "pretrain")}
"""Stages of a run that each kind of experiment needs; kinds that are not listed need all."""


@dataclass(frozen=True)
class Estimate:
    """Total seconds and maximum memory in GB of the experiments, and why others could not be estimated (by name)."""

    seconds: float
    memory_gb: float
    unknown: Mapping[str, str]


def estimate(suite: Suite, registry: Registry, listener: Listener | None = None) -> Estimate:
    """Times one step of each method on the suite's data and extrapolates; shared runs are counted once.

    Assumes that other seeds and noise rates cost the same as the first.
    """
    seconds, memory, unknown = 0.0, 0.0, {}
    planned: dict[str, dict[str, Any] | FineCLError] = {}
    tasks: dict[tuple[Any, ...], int] = {}
    runs: set[str] = set()
    plain: set[tuple[Any, ...]] = set()
    with tempfile.TemporaryDirectory() as directory:
        context = SuiteContext(Path(directory), registry, listener or Listener())
        for experiment in suite.experiments:
            key = _cost_key(experiment)
            if key not in planned:
                planned[key] = _plan(experiment, context)
            cost = planned[key]
            try:
                if isinstance(cost, FineCLError):
                    raise cost
                tokens = _task_tokens(experiment, tasks, registry) if experiment.kind == "task" else 0
            except FineCLError as error:
                unknown[experiment.name] = str(error)
                continue
            memory = max(memory, cost["memory_gb"])
            stages = {stage["stage"]: stage for stage in cost["stages"]}
            finetune = stages["finetune"]
            run = " ".join([key, *(str(experiment.varied.get(axis)) for axis in ("seed", "noise", "rate"))])
            if run not in runs:
                stage_names = _STAGES.get(experiment.kind, tuple(stages))
                seconds += sum(stages[name]["seconds"] for name in stage_names if name in stages)
                runs.add(run)
                if "finetune" in stage_names:
                    shared = (experiment.varied.get("seed"), finetune["tokens"])
                    # Half of fine-tuning trains the plain extractor, which runs share.
                    seconds -= finetune["seconds"] / 2 if shared in plain else 0
                    plain.add(shared)
            seconds += tokens * finetune["seconds"] / max(1, finetune["tokens"])
    return Estimate(seconds=seconds, memory_gb=memory, unknown=unknown)


def _cost_key(experiment: Experiment) -> str:
    """Returns a key that is equal for experiments whose runs cost the same."""
    return f"{experiment.kind} {experiment.settings} {experiment.varied.get('method')} {experiment.varied.get('data')}"


def _plan(experiment: Experiment, context: SuiteContext) -> dict[str, Any] | FineCLError:
    """Returns the estimated cost of an experiment's run, or the error that prevents it, such as missing data."""
    try:
        return Run(
            context.directory / "planned", _settings(experiment, context), context.registry, context.listener
        ).plan()
    except FineCLError as error:
        return error


def _settings(experiment: Experiment, context: SuiteContext) -> Settings:
    if experiment.kind in ("noise", "trimmed"):
        demo = experiment.varied.get("data") == "demo"
        rate, seed = experiment.varied.get("rate"), experiment.varied["seed"]
        kind = experiment.varied.get("noise", "type-consistent")
        setting = noise.demo(seed) if demo else noise.wiki80(kind, float(rate or 0), seed)
        return noise.corrupted_settings(setting, context.directory, context.registry)
    return settings_of(experiment, context)


def _task_tokens(experiment: Experiment, known: dict[tuple[Any, ...], int], registry: Registry) -> int:
    """Returns the approximate number of sub-words that fine-tuning on a task reads, at four characters each."""
    varied = experiment.varied
    key = (varied["task"], varied["fraction"])
    if key not in known:
        known[key] = _count_tokens(read_task(varied["task"]), varied["fraction"], experiment, registry)
    return known[key]


def _count_tokens(task: Task, fraction: float, experiment: Experiment, registry: Registry) -> int:
    settings = task_settings(task, "minilm", fraction, experiment.varied["seed"], experiment.task_settings)
    if task.metric == "episodes":
        return 0
    splits = read_splits(task, fraction, experiment.varied["seed"], settings, registry)
    sizes = {
        name: sum(len(word) + 1 for d in getattr(splits, name).documents() for s in d.sentences for word in s) // 4
        for name in ("train", "dev", "test")
    }
    epochs = settings.finetune.num_train_epochs
    evaluations = -(-epochs // settings.finetune.eval_epochs)
    return epochs * sizes["train"] + evaluations * sizes["dev"] + sizes["test"]
