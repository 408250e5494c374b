"""Trains the two extractors of a run: on the plain encoder and on the pre-trained one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from finecl.artifacts.run_directory import PLAIN, RunDirectory
from finecl.distributed.process_group import current
from finecl.errors import SettingsError
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.finetune import Finetuned, finetune
from finecl.extraction.type_constraints import type_triples
from finecl.models.extractor import (
    build_extractor,
    extractor_settings,
    load_extractor,
    save_extractor,
    saved_config,
)
from finecl.pipeline.fingerprints import extractor_fingerprint
from finecl.pipeline.stages.training_data import training_data
from finecl.progress import Listener
from finecl.scoring.curriculum import difficulties
from finecl.types import Floats

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus
    from finecl.pipeline.run_data import RunData
    from finecl.pipeline.run_spec import RunSpec


def plain_config(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> dict[str, Any]:
    """Returns the configuration of the extractor on the plain encoder; trains it first if needed."""
    made_from = extractor_fingerprint(data.model_fingerprint, spec, data)
    return extractor_config(PLAIN, made_from, None, spec, data, files, listener)


def plain_extractor(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> Any:
    """Returns the extractor on the plain encoder; trains it first if needed.

    Raises:
        SettingsError: there are no gold documents.
    """
    data.corpora.require_gold(f"scorer '{spec.method.scorer}'")
    plain_config(spec, data, files, listener)
    return load_extractor(files.extractor(PLAIN), spec.registry, spec.settings.model).extractor


def extractor_config(
    variant: str,
    made_from: str,
    encoder: Path | None,
    spec: RunSpec,
    data: RunData,
    files: RunDirectory,
    listener: Listener,
) -> dict[str, Any]:
    """Returns the configuration of a variant; trains it first, on ``encoder``, if it is not of this fingerprint."""
    config = saved_config(files.extractor(variant), made_from)
    if not current().all_max(not config):
        return config
    return _train(variant, made_from, encoder, spec, data, files, listener)


def _train(
    variant: str,
    made_from: str,
    encoder_directory: Path | None,
    spec: RunSpec,
    data: RunData,
    files: RunDirectory,
    listener: Listener,
) -> dict[str, Any]:
    chosen, seed = spec.settings.finetune, spec.settings.seed
    of_run = training_data(spec, data, files)
    train, dev = of_run.train, of_run.dev
    if chosen.thresholds == "per-relation" and dev.marked:
        what = "a marked sentence has its best relation or none"
        raise SettingsError(f"finetune.thresholds: expected global for '{chosen.extractor}', got per-relation; {what}")
    encoder, tokenizer = data.encoder(encoder_directory)
    settings = extractor_settings(spec.registry, chosen.extractor, chosen.loss, spec.settings.extractor)
    torch.manual_seed(seed)  # both variants begin with the same head, whatever loading sampled
    extractor = build_extractor(spec.registry, chosen.extractor, settings, encoder, train.relations)
    stage = f"finetune {variant}"
    checkpoints = spec.checkpoints(files, stage, made_from, listener.note)
    difficulty = _difficulty(variant, made_from, encoder_directory, train, spec, data, files, listener)
    tuned = finetune(
        extractor,
        train,
        dev,
        chosen,
        seed=seed,
        stage=stage,
        listener=listener,
        checkpoints=checkpoints,
        difficulty=difficulty,
        random_stage="finetune",
    )
    config = _config(settings, tokenizer.max_length, made_from, tuned, of_run.documents, spec, data)
    save_extractor(extractor, tokenizer, config, files.extractor(variant), write=current().main)
    checkpoints.clear()
    return config


def _config(
    settings: dict[str, Any],
    max_length: int,
    made_from: str,
    tuned: Finetuned,
    corpus: Corpus,
    spec: RunSpec,
    data: RunData,
) -> dict[str, Any]:
    """Returns the content of ``extractor.json``: everything that prediction needs besides the weights."""
    chosen = spec.settings.finetune
    return {
        "extractor": chosen.extractor,
        "settings": settings,
        "relations": list(data.corpora.relations),
        "names": dict(data.corpora.names),
        "type_triples": type_triples(corpus.documents(), corpus.no_relation),
        "max_length": max_length,
        "long_documents": chosen.long_documents,
        "fingerprint": made_from,
        **vars(tuned),
    }


def _difficulty(
    variant: str,
    made_from: str,
    encoder_directory: Path | None,
    train: ExtractionDataset,
    spec: RunSpec,
    data: RunData,
    files: RunDirectory,
    listener: Listener,
) -> Floats | None:
    """Returns how late a separate extractor learns each gold document [D]; None without a curriculum."""
    chosen, proxy = spec.settings.finetune, spec.settings.proxy
    if chosen.curriculum == "none":
        return None
    encoder, _ = data.encoder(encoder_directory)
    settings = extractor_settings(spec.registry, chosen.extractor, proxy.loss, spec.settings.extractor)
    extractor = build_extractor(spec.registry, chosen.extractor, settings, encoder, train.relations)
    checkpoints = spec.checkpoints(files, f"curriculum {variant}", made_from, listener.note)
    difficulty = difficulties(
        extractor, train, proxy, seed=spec.settings.seed, listener=listener, checkpoints=checkpoints
    )
    checkpoints.clear()
    return difficulty
