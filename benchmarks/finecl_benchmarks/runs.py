"""Runs shared by the experiments of a suite: their settings, their silver files, and running their stages once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from finecl.artifacts.files import read_json, replacing_directory
from finecl.artifacts.provenance import fingerprint
from finecl.artifacts.run_directory import PLAIN
from finecl.config.resolve import resolve
from finecl.config.schema import Settings
from finecl.data.convert import convert
from finecl.data.corrupt import Noise
from finecl.data.formats import DocumentFile, recognise
from finecl.data.leakage import HeldOut, Leaks, without_leaks
from finecl.data.split import low_resource, numbered
from finecl.models.extractor import EXTRACTOR_CONFIG
from finecl.pipeline.fingerprints import evidence_fingerprint, extractor_fingerprint, required_evidence
from finecl.pipeline.run import Run
from finecl.pipeline.stages.extractors import plain_config
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.types import Document
from finecl_benchmarks.suite_files import Experiment
from finecl_benchmarks.task_files import data_file


@dataclass(frozen=True)
class SuiteContext:
    """Directory shared by the experiments of a suite, registered plugins and progress listener."""

    directory: Path
    registry: Registry
    listener: Listener

    def lock(self, name: str) -> FileLock:
        """Returns a file lock for work that only one process may do at a time."""
        path = self.directory / "locks" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path)


def finished_run(experiment: Experiment, context: SuiteContext, stage: str) -> Run:
    """Runs the experiment's method and seed up to a stage and returns the run.

    Raises:
        filelock.Timeout: another process holds the lock of this run or of its evidence; try another experiment first.
    """
    settings = settings_of(experiment, context)
    name = fingerprint(settings.to_dict())
    directory = context.directory / "runs" / f"{settings.method}-seed{settings.seed}-{name}"
    with context.lock(name).acquire(timeout=0):
        run = Run(directory, settings, context.registry, context.listener)
        with ExitStack() as evidence:
            required = required_evidence(run.spec)
            for need in required:
                lock = context.lock(f"evidence-{evidence_fingerprint(need, run.spec, run.data)}")
                evidence.enter_context(lock.acquire(timeout=0))
            if stage == "evaluate" and "gold" in required:
                _share_plain(run, context)  # the scorer uses the plain extractor
            run.finish("score")
        if stage == "evaluate":
            run.finish("pretrain")
            _share_plain(run, context)
        run.finish(stage)
    return run


def _share_plain(run: Run, context: SuiteContext) -> None:
    """Copies the plain encoder's extractor into a run; the first run on the same gold documents trains it."""
    name = extractor_fingerprint(run.data.model_fingerprint, run.spec, run.data)
    shared, copy = context.directory / "plain" / name, run.files.extractor(PLAIN)
    with context.lock(f"plain-{name}").acquire(timeout=0):
        if not shared.exists():
            plain_config(run.spec, run.data, run.files, run.listener)
            _copy(copy, shared)
    if read_json(copy / EXTRACTOR_CONFIG).get("fingerprint") != name:
        _copy(shared, copy)


def _copy(source: Path, directory: Path) -> None:
    with replacing_directory(directory) as unfinished:
        shutil.copytree(source, unfinished, dirs_exist_ok=True)


def settings_of(experiment: Experiment, context: SuiteContext) -> Settings:
    """Returns the settings of an experiment's run; writes its silver and gold files if they do not exist.

    A varied noise rate is the suite's silver file's, or the built-in corpus's.
    """
    overrides = dict(experiment.settings)
    preset = overrides.pop("preset", None)
    for key in ("data.silver", "data.gold", "data.train", "data.dev", "data.test"):
        if key in overrides:
            overrides[key] = str(data_file(f"suite, {key}", str(overrides[key])))
    if experiment.silver.get("file"):
        overrides |= {
            "data.silver": str(_silver_file(experiment, context)),
            "data.gold": str(_gold_file(experiment, context)),
        }
    elif "rate" in experiment.varied:
        overrides |= {"data.demo.noise": experiment.varied["rate"]}
    varied = {"method": experiment.varied["method"], "seed": experiment.varied["seed"]}
    return resolve(preset=preset, overrides={**overrides, **varied})


def _silver_file(experiment: Experiment, context: SuiteContext) -> Path:
    """Returns the file of silver documents, corrupted at the rate that the suite sets."""
    source = _without_held_out(experiment, context)
    rate, kind, seed = (
        experiment.varied.get("rate", experiment.silver.get("rate")),
        experiment.silver.get("noise", "uniform"),
        experiment.varied["seed"],
    )
    if not rate:
        return source
    documents = DocumentFile(source, recognise(source, context.registry))

    def corrupted() -> Iterator[Document]:
        return Noise.plan(documents, rate=rate, kind=kind, seed=seed).apply(documents)

    return _write_once(f"{source.stem}-{kind}-{rate:g}-seed{seed}", corrupted, context)


def _gold_file(experiment: Experiment, context: SuiteContext) -> Path:
    """Returns a file of gold labels for methods that need some before pre-training, such as WCL's scorer.

    It holds a share of the silver documents before corruption, and none of the held-out test sentences.
    """
    source = _without_held_out(experiment, context)
    share, seed = experiment.silver.get("gold_share", 0.1), experiment.varied["seed"]
    documents = DocumentFile(source, recognise(source, context.registry))

    def sampled() -> Iterator[Document]:
        return numbered(documents, low_resource(documents, share, seed).tolist())

    return _write_once(f"{source.stem}-gold-{share:g}-seed{seed}", sampled, context)


def _without_held_out(experiment: Experiment, context: SuiteContext) -> Path:
    """Returns the file of silver documents without documents and entity pairs of the suite's held-out files."""
    source = data_file("suite, silver.file", str(experiment.silver["file"]))
    held_out = [data_file("suite, silver.held_out", str(name)) for name in experiment.silver.get("held_out", ())]
    if not held_out:
        return source

    def filtered() -> Iterator[Document]:
        splits = {str(path): DocumentFile(path, recognise(path, context.registry)) for path in held_out}
        return without_leaks(
            DocumentFile(source, recognise(source, context.registry)), HeldOut(splits, by="pair"), Leaks()
        )

    return _write_once(f"{source.stem}-apart-{fingerprint(list(map(str, held_out)))}", filtered, context)


def _write_once(name: str, documents: Callable[[], Iterator[Document]], context: SuiteContext) -> Path:
    """Writes the documents as JSONL unless the file exists, under a lock; returns its path."""
    path = context.directory / "silver" / f"{name}.jsonl"
    with context.lock(name):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            convert(documents(), context.registry.create("format", "jsonl", {}), path)
    return path


def cost_of(run: Run) -> dict[str, Any]:
    """Returns the seconds of all stages and the tokens per second of pre-training."""
    stages = read_json(run.directory / "run.json").get("stages", {})
    pretrain = run.metrics.get("pretrain", {})
    return {
        "seconds": sum(stage["seconds"] for stage in stages.values()),
        "tokens_per_second": pretrain.get("tokens_per_second"),
    }
