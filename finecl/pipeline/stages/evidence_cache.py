"""The evidence that a scorer needs, made once and then found in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from finecl.artifacts.files import cache_directory, replacing
from finecl.artifacts.provenance import fingerprint
from finecl.artifacts.scores_table import find_rows
from finecl.corpus.entity_table import TypeMatched
from finecl.distributed.process_group import current
from finecl.errors import PluginError
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.loop import train_on
from finecl.extraction.prediction import pair_vectors, predict_logits
from finecl.models.extractor import build_extractor
from finecl.pipeline.context import Context
from finecl.pipeline.stages.extractors import made_from, plain_extractor
from finecl.scoring.false_negatives import FalseNegatives
from finecl.scoring.proxy import ProxyRun, train_proxy
from finecl.types import Dynamics, Evidence, EvidenceKind, Floats, Instances, Ints, NoiseScorer, declared

_LAYOUT = 2  # to be raised when what is kept of a proxy changes
_OF_FOLDS = ("folds", "fold_epochs")  # settings of the proxies that are asked about what they have not seen


def needs(context: Context) -> tuple[EvidenceKind, ...]:
    """The kinds of evidence that the chosen scorer reads, sorted.

    Raises:
        PluginError: it names one that there is not.
    """
    name = context.method.scorer
    if not name:
        return ()
    asked = declared(context.part("scorer", name, context.settings.scorer), NoiseScorer, "required_evidence")
    strange = [need for need in asked if need not in get_args(EvidenceKind)]
    if strange:
        raise PluginError(f"scorer '{name}' needs '{strange[0]}'; there is: {', '.join(get_args(EvidenceKind))}")
    return tuple(sorted(asked))


def evidence_fingerprint(context: Context, need: EvidenceKind) -> str:
    """Changes when anything that a kind of evidence depends on does."""
    values = context.settings.to_dict()
    model = (context.corpora.silver.fingerprint, context.corpora.relations, context.model_fingerprint)
    if need == "representations":
        return fingerprint(model)
    if need == "gold":
        return fingerprint(model, made_from(context, context.model_fingerprint))
    code = context.code_of("extractor", context.settings.proxy.extractor)
    proxy = {key: value for key, value in values["proxy"].items() if need == "held-out" or key not in _OF_FOLDS}
    return fingerprint(model, proxy, values["extractor"], context.settings.seed, code, _LAYOUT)


def gather(context: Context, asked: Sequence[EvidenceKind]) -> tuple[ProxyRun | None, Evidence]:
    """The evidence of every silver instance; what its making cost, if a proxy's dynamics are part of it."""
    run = _dynamics(context) if "dynamics" in asked else None
    makers: dict[EvidenceKind, Callable[[], Floats]] = {
        "gold": lambda: _gold(context),
        "held-out": lambda: _held_out(context),
        "representations": lambda: _representations(context),
    }
    arrays = {need.replace("-", "_"): _cached(context, need, make) for need, make in makers.items() if need in asked}
    dynamics = run.evidence if run else Evidence()
    return run, Evidence(batch=dynamics.batch, epoch=dynamics.epoch, **arrays)


def _proxy(context: Context) -> tuple[Any, ExtractionDataset]:
    """A fresh proxy, and the silver labels in the text that it reads."""
    proxy = context.settings.proxy
    data = context.labelled("silver", context.text_of(proxy.extractor), proxy.mentions)
    if proxy.no_relation == "type-matched" and not data.tokens.marked:
        data = replace(data, pair_filter=TypeMatched.of(context.corpora.silver.entities, data.instances))
    encoder, _ = context.encoder()
    settings = {"loss": proxy.loss, **context.settings.extractor}
    return build_extractor(context.registry, proxy.extractor, settings, encoder, data.relations), data


def _dynamics(context: Context) -> ProxyRun:
    """The dynamics of a proxy that is trained on all silver labels."""
    path = _path(context, "dynamics", ".safetensors")
    if context.ranks.broadcast(path.exists()):
        context.listener.note(f"evidence found in {path}: the proxy is not trained again")
        return _load(path)
    extractor, data = _proxy(context)
    checkpoints = context.checkpoints("proxy", path.stem)
    proxy, seed = context.settings.proxy, context.settings.seed
    run = train_proxy(extractor, data, proxy, seed=seed, listener=context.listener, checkpoints=checkpoints)
    whole = context.labelled("silver").instances
    run = run.spread(_places(data.instances, whole), len(whole))
    if context.ranks.main:
        _save(run, path)
    context.ranks.barrier()
    checkpoints.clear()
    return run


def _gold(context: Context) -> Floats:
    """Logits ``[N, R]`` by the extractor that stage "finetune" trains on the plain encoder."""
    extractor = plain_extractor(context)
    data = context.labelled("silver", context.text_of(context.settings.finetune.extractor))
    return _logits(context, extractor, data, np.arange(len(data.tokens)))


def _held_out(context: Context) -> Floats:
    """Logits ``[N, R]`` by proxies each of which has not seen a share of the documents, and is asked about those."""
    proxy, seed = context.settings.proxy, context.settings.seed
    shorter = replace(proxy, num_train_epochs=proxy.fold_epochs or proxy.num_train_epochs)
    found: Floats | None = None
    for fold in range(proxy.folds):
        extractor, data = _proxy(context)
        order = np.random.default_rng([seed, proxy.folds]).permutation(len(data.tokens))
        out = np.sort(order[fold :: proxy.folds])
        stage = f"held-out {fold + 1} of {proxy.folds}"
        kept = data.part(np.setdiff1d(order, out))
        checkpoints = context.checkpoints(stage, evidence_fingerprint(context, "held-out"))
        train_on(extractor, kept, shorter, stage=stage, seed=seed, listener=context.listener, checkpoints=checkpoints)
        checkpoints.clear()
        logits = _logits(context, extractor, data, out)
        found = logits if found is None else np.where(np.isnan(found), logits, found)
    assert found is not None
    return found


def _logits(context: Context, extractor: Any, data: ExtractionDataset, documents: Ints) -> Floats:
    """What an extractor says of the instances of these documents; NaN of the others."""
    whole = context.labelled("silver").instances
    place = _places(data.instances, whole)
    found = np.full((len(whole), data.relations), -np.inf, dtype=np.float32)
    for _, asked, logits, _ in predict_logits(extractor, data, documents, every_pair=False):
        found[place[asked.instance_I]] = logits.float().cpu().numpy()[asked.pair_I]
    current().merge(found, "max")
    found[np.isneginf(found).all(axis=1)] = np.nan
    return found


def _representations(context: Context) -> Floats:
    """Head and tail ``[N, 2 H]`` by the encoder as it comes."""
    data = context.labelled("silver")
    encoder, _ = context.encoder()
    return pair_vectors(encoder, data)


def _cached(context: Context, need: EvidenceKind, make: Callable[[], Floats]) -> Floats:
    """An array from the cache, mapped into memory, or made and put there."""
    path = _path(context, need, ".npy")
    if not context.ranks.broadcast(path.exists()):
        made = make()
        if context.ranks.main:
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, made)
        context.ranks.barrier()
    mapped: Floats = np.load(path, mmap_mode="r")
    return mapped


def _places(instances: Instances, whole: Instances) -> Ints:
    """Where each instance of a corpus's reading stands among all its instances."""
    return find_rows(whole.uid, instances.uid)


def _path(context: Context, need: EvidenceKind, suffix: str) -> Path:
    return cache_directory() / "evidence" / f"{evidence_fingerprint(context, need)}-{need}{suffix}"


def _save(run: ProxyRun, path: Path) -> None:
    modes = {"batch": run.evidence.batch, "epoch": run.evidence.epoch}
    arrays = {f"{m}.{name}": column for m, d in modes.items() if d for name, column in d.columns().items()}
    arrays |= {f"false_negatives.{name}": column for name, column in run.false_negatives.columns().items()}
    seconds = {k: getattr(run, k) for k in ("train_seconds", "record_seconds", "epoch_pass_seconds")}
    with replacing(path) as temporary:
        save_file(arrays, temporary, metadata={"seconds": json.dumps(seconds)})


def _load(path: Path) -> ProxyRun:
    with safe_open(path, framework="numpy") as file:
        seconds = json.loads(file.metadata()["seconds"])
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a mapping
    dynamics = {
        mode: Dynamics(**{k.removeprefix(f"{mode}."): v for k, v in arrays.items() if k.startswith(f"{mode}.")})
        for mode in ("batch", "epoch")
        if f"{mode}.correct" in arrays
    }
    evidence = Evidence(batch=dynamics.get("batch"), epoch=dynamics.get("epoch"))
    found = {k.removeprefix("false_negatives."): v for k, v in arrays.items() if k.startswith("false_negatives.")}
    return ProxyRun(evidence=evidence, false_negatives=FalseNegatives.of(found), **seconds)
