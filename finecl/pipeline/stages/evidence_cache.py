"""Evidence for scorers: computed once, then read from the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from finecl.artifacts.cache import read_cached, write_cached
from finecl.artifacts.false_negatives import FalseNegatives
from finecl.artifacts.files import cache_directory
from finecl.artifacts.run_directory import RunDirectory
from finecl.artifacts.scores_table import find_rows
from finecl.corpus.entity_table import TypeMatched
from finecl.corpus.label_texts import CorpusTexts
from finecl.distributed.process_group import current
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.loop import train_on
from finecl.extraction.prediction import pair_vectors, predict_logits
from finecl.models.extractor import build_extractor, extractor_settings
from finecl.pipeline.fingerprints import evidence_fingerprint
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.pipeline.stages.extractors import plain_extractor
from finecl.progress import Listener
from finecl.scoring.false_negatives import find_false_negatives
from finecl.scoring.proxy import ProxyRun, train_proxy
from finecl.scoring.statements import statement_similarity
from finecl.types import Dynamics, Evidence, EvidenceKind, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class GatheredEvidence:
    """Evidence of every silver instance; with the dynamics also the proxy's run, and the false negatives it found."""

    evidence: Evidence
    proxy: ProxyRun | None = None
    false_negatives: FalseNegatives | None = None


def gather(
    kinds: Sequence[EvidenceKind], spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener
) -> GatheredEvidence:
    """Returns the evidence of every silver instance, computed or from the cache."""
    makers: dict[EvidenceKind, Callable[[], Floats]] = {
        "gold": lambda: _gold(spec, data, files, listener),
        "held-out": lambda: _held_out(spec, data, files, listener),
        "representations": lambda: pair_vectors(data.encoder()[0], data.dataset("silver")),
        "statements": lambda: statement_similarity(*data.encoder(), _texts(data), data.wordings),
    }
    proxy, false_negatives = _dynamics(spec, data, files, listener) if "dynamics" in kinds else (None, None)
    arrays = {
        kind.replace("-", "_"): _cached(_path(kind, ".npy", spec, data), make)
        for kind, make in makers.items()
        if kind in kinds
    }
    dynamics = proxy.evidence if proxy else Evidence()
    text = _texts(data) if "text" in kinds else None
    evidence = Evidence(batch=dynamics.batch, epoch=dynamics.epoch, text=text, **arrays)
    return GatheredEvidence(evidence=evidence, proxy=proxy, false_negatives=false_negatives)


def _texts(data: RunData) -> CorpusTexts:
    return CorpusTexts(data.corpora.silver, data.dataset("silver").instances)


def _proxy(spec: RunSpec, data: RunData) -> tuple[Any, ExtractionDataset]:
    """Returns an untrained proxy, and the silver labels in the format that it reads."""
    proxy = spec.settings.proxy
    silver = data.dataset("silver", spec.input_format(proxy.extractor), proxy.mentions)
    if proxy.no_relation == "type-matched" and not silver.tokens.marked:
        silver = replace(silver, pair_filter=TypeMatched.of(data.corpora.silver.entities, silver.instances))
    settings = extractor_settings(spec.registry, proxy.extractor, proxy.loss, spec.settings.extractor)
    encoder, _ = data.encoder()
    return build_extractor(spec.registry, proxy.extractor, settings, encoder, silver.relations), silver


def _dynamics(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> tuple[ProxyRun, FalseNegatives]:
    """Returns the training dynamics of a proxy trained on all silver labels, and the false negatives it finds."""
    path = _path("dynamics", ".safetensors", spec, data)
    stored = read_cached(path, _load)
    if not current().all_max(stored is None) and stored is not None:
        listener.note(f"evidence found in {path}: the proxy is not trained again")
        return stored
    extractor, silver = _proxy(spec, data)
    checkpoints = spec.checkpoints(files, "proxy", path.stem, listener.note)
    settings, seed = spec.settings.proxy, spec.settings.seed
    run = train_proxy(extractor, silver, settings, seed=seed, listener=listener, checkpoints=checkpoints)
    false_negatives = find_false_negatives(extractor, silver, max_tokens=settings.max_tokens)
    instances = data.dataset("silver").instances
    run = run.spread(find_rows(instances.uid, silver.instances.uid), len(instances))
    if current().main:
        _save(run, false_negatives, path)
    current().barrier()
    checkpoints.clear()
    return run, false_negatives


def _gold(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> Floats:
    """Returns logits ``[N, R]`` of the extractor that stage "finetune" trains on the plain encoder."""
    extractor = plain_extractor(spec, data, files, listener)
    silver = data.dataset("silver", spec.input_format(spec.settings.finetune.extractor))
    return _logits(extractor, silver, np.arange(len(silver.tokens)), data)


def _held_out(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> Floats:
    """Returns logits ``[N, R]`` of proxies, each trained without a share of the documents and applied to that share."""
    proxy, seed = spec.settings.proxy, spec.settings.seed
    epochs = proxy.num_train_epochs if proxy.fold_epochs is None else proxy.fold_epochs
    settings = replace(proxy, num_train_epochs=epochs)
    logits: Floats | None = None
    for fold in range(proxy.folds):
        extractor, silver = _proxy(spec, data)
        order = np.random.default_rng([seed, proxy.folds]).permutation(len(silver.tokens))
        held_out = np.sort(order[fold :: proxy.folds])
        stage = f"held-out {fold + 1} of {proxy.folds}"
        others = silver.part(np.setdiff1d(order, held_out))
        checkpoints = spec.checkpoints(files, stage, evidence_fingerprint("held-out", spec, data), listener.note)
        train_on(extractor, others, settings, stage=stage, seed=seed, listener=listener, checkpoints=checkpoints)
        checkpoints.clear()
        of_fold = _logits(extractor, silver, held_out, data)
        logits = of_fold if logits is None else np.where(np.isnan(logits), of_fold, logits)
    assert logits is not None
    return logits


def _logits(extractor: Any, silver: ExtractionDataset, documents: Ints, data: RunData) -> Floats:
    """Returns the logits of the instances of these documents ``[N, R]``; NaN for other instances."""
    instances = data.dataset("silver").instances
    row = find_rows(instances.uid, silver.instances.uid)
    logits = np.full((len(instances), silver.relations), -np.inf, dtype=np.float32)
    for _, pairs, logits_PR, _ in predict_logits(extractor, silver, documents, every_pair=False):
        logits[row[pairs.instance_I]] = logits_PR.float().cpu().numpy()[pairs.pair_I]
    current().merge(logits, "max")
    logits[np.isneginf(logits).all(axis=1)] = np.nan
    return logits


def _cached(path: Path, make: Callable[[], Floats]) -> Floats:
    """Returns an array of the cache, mapped into memory; computes and stores it first if it is missing."""
    stored = read_cached(path, _mapped)
    if not current().all_max(stored is None) and stored is not None:
        return stored
    array = make()
    if current().main:
        write_cached(path, lambda temporary: _write_array(temporary, array))
    current().barrier()
    return _mapped(path)


def _mapped(path: Path) -> Floats:
    array: Floats = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _write_array(path: Path, array: Floats) -> None:
    with path.open("wb") as file:
        np.save(file, array)


def _path(kind: EvidenceKind, suffix: str, spec: RunSpec, data: RunData) -> Path:
    return cache_directory() / "evidence" / f"{evidence_fingerprint(kind, spec, data)}-{kind}{suffix}"


def _save(run: ProxyRun, false_negatives: FalseNegatives, path: Path) -> None:
    modes = {"batch": run.evidence.batch, "epoch": run.evidence.epoch}
    arrays = {f"{m}.{name}": column for m, d in modes.items() if d for name, column in d.columns().items()}
    arrays |= {f"false_negatives.{name}": column for name, column in false_negatives.columns().items()}
    seconds = {k: getattr(run, k) for k in ("train_seconds", "record_seconds", "epoch_pass_seconds")}
    metadata = {"seconds": json.dumps(seconds)}
    write_cached(path, lambda temporary: save_file(arrays, temporary, metadata=metadata))


def _load(path: Path) -> tuple[ProxyRun, FalseNegatives]:
    with safe_open(path, framework="numpy") as file:
        seconds = json.loads(file.metadata()["seconds"])
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    dynamics = {
        mode: Dynamics(**{k.removeprefix(f"{mode}."): v for k, v in arrays.items() if k.startswith(f"{mode}.")})
        for mode in ("batch", "epoch")
        if f"{mode}.correct" in arrays
    }
    evidence = Evidence(batch=dynamics.get("batch"), epoch=dynamics.get("epoch"))
    columns = {k.removeprefix("false_negatives."): v for k, v in arrays.items() if k.startswith("false_negatives.")}
    return ProxyRun(evidence=evidence, **seconds), FalseNegatives.of(columns)
