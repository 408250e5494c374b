"""The runs behind a suite's cells: their settings and files, brought to the end of a stage once for all cells."""

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
from finecl.config.resolve import resolve
from finecl.config.schema import Settings
from finecl.data.convert import convert
from finecl.data.corrupt import Noise
from finecl.data.formats import DocumentFile, recognise
from finecl.data.leakage import HeldOut, Leaks, without_leaks
from finecl.data.split import low_resource, numbered
from finecl.models.extractor import EXTRACTOR_CONFIG
from finecl.pipeline.run import Run
from finecl.pipeline.stages.evidence_cache import evidence_fingerprint, needs
from finecl.pipeline.stages.extractors import EXTRACTOR, PLAIN, made_from, plain_config
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.types import Document
from finecl_benchmarks.suite_files import Cell
from finecl_benchmarks.task_files import data_file


@dataclass(frozen=True)
class Workplace:
    """Where cells leave what they share, and who hears of their progress."""

    directory: Path
    registry: Registry
    listener: Listener

    def alone(self, name: str) -> FileLock:
        """A lock for what only one process may make at a time."""
        path = self.directory / "locks" / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path)


def finished_run(cell: Cell, at: Workplace, stage: str) -> Run:
    """The run of the cell's method and seed, brought to the end of a stage.

    Raises:
        filelock.Timeout: another process is at that run, or at what it shares with others: its cells can wait, others
            need not.
    """
    settings = settings_of(cell, at)
    name = fingerprint(settings.to_dict())
    directory = at.directory / "runs" / f"{settings.method}-seed{settings.seed}-{name}"
    with at.alone(name).acquire(timeout=0):
        run = Run(directory, settings, at.registry, at.listener)
        with ExitStack() as evidence:
            asked = needs(run.context)
            for need in asked:
                made = at.alone(f"evidence-{evidence_fingerprint(run.context, need)}")
                evidence.enter_context(made.acquire(timeout=0))
            if stage == "evaluate" and "gold" in asked:
                _share_plain(run, at)  # its scorer reads that extractor
            run.finish("score")
        if stage == "evaluate":
            run.finish("pretrain")
            _share_plain(run, at)
        run.finish(stage)
    return run


def _share_plain(run: Run, at: Workplace) -> None:
    """Gives a run the extractor on the plain encoder, which all runs on the same gold documents have in common: the
    first of them trains it.
    """
    made = made_from(run.context, run.context.model_fingerprint)
    kept, own = at.directory / "plain" / made, run.directory / EXTRACTOR / PLAIN
    with at.alone(f"plain-{made}").acquire(timeout=0):
        if not kept.exists():
            plain_config(run.context)
            _copy(own, kept)
    if read_json(own / EXTRACTOR_CONFIG).get("fingerprint") != made:
        _copy(kept, own)


def _copy(source: Path, directory: Path) -> None:
    with replacing_directory(directory) as unfinished:
        shutil.copytree(source, unfinished, dirs_exist_ok=True)


def settings_of(cell: Cell, at: Workplace) -> Settings:
    """The settings of the run behind a cell; its silver file is written if it is not there."""
    overrides = dict(cell.settings)
    preset = overrides.pop("preset", None)
    for key in ("data.silver", "data.gold", "data.train", "data.dev", "data.test"):
        if key in overrides:
            overrides[key] = str(data_file(f"suite, {key}", str(overrides[key])))
    if cell.silver.get("file"):
        overrides |= {"data.silver": str(_silver_file(cell, at)), "data.gold": str(_gold_file(cell, at))}
    chosen = {"method": cell.varied["method"], "seed": cell.varied["seed"]}
    return resolve(preset=preset, overrides={**overrides, **chosen})


def _silver_file(cell: Cell, at: Workplace) -> Path:
    """The silver documents, with as many wrong labels as the suite asks for."""
    source = _apart(cell, at)
    rate, kind, seed = cell.silver.get("rate"), cell.silver.get("noise", "uniform"), cell.varied["seed"]
    if not rate:
        return source
    documents = DocumentFile(source, recognise(source, at.registry))

    def corrupted() -> Iterator[Document]:
        return Noise.plan(documents, rate=rate, kind=kind, seed=seed).apply(documents)

    return _written(f"{source.stem}-{kind}-{rate:g}-seed{seed}", corrupted, at)


def _gold_file(cell: Cell, at: Workplace) -> Path:
    """Gold labels for methods that are trained on some before pre-training, as WCL's scorer is: a share of the silver
    documents as they were before any label was made wrong. No test sentence of a task is among them.
    """
    source = _apart(cell, at)
    share, seed = cell.silver.get("gold_share", 0.1), cell.varied["seed"]
    documents = DocumentFile(source, recognise(source, at.registry))

    def some() -> Iterator[Document]:
        return numbered(documents, low_resource(documents, share, seed).tolist())

    return _written(f"{source.stem}-gold-{share:g}-seed{seed}", some, at)


def _apart(cell: Cell, at: Workplace) -> Path:
    """The file of silver documents, without what it shares with the files that the suite holds out."""
    source = data_file("suite, silver.file", str(cell.silver["file"]))
    held = [data_file("suite, silver.held_out", str(name)) for name in cell.silver.get("held_out", ())]
    if not held:
        return source

    def apart() -> Iterator[Document]:
        splits = {str(path): DocumentFile(path, recognise(path, at.registry)) for path in held}
        return without_leaks(DocumentFile(source, recognise(source, at.registry)), HeldOut(splits, by="pair"), Leaks())

    return _written(f"{source.stem}-apart-{fingerprint(list(map(str, held)))}", apart, at)


def _written(name: str, documents: Callable[[], Iterator[Document]], at: Workplace) -> Path:
    """The documents as a file, written by the first process that needs it."""
    path = at.directory / "silver" / f"{name}.jsonl"
    with at.alone(name):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            convert(documents(), at.registry.create("format", "jsonl", {}), path)
    return path


def cost_of(run: Run) -> dict[str, Any]:
    """Seconds of all stages, and the rate of pre-training."""
    stages = read_json(run.directory / "run.json").get("stages", {})
    pretrain = run.metrics.get("pretrain", {})
    return {
        "seconds": sum(stage["seconds"] for stage in stages.values()),
        "tokens_per_second": pretrain.get("tokens_per_second"),
    }
