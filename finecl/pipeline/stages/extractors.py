"""Fine-tuned extractors of a run, each trained once: on the plain encoder, and on the pre-trained one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from finecl.artifacts.files import read_json
from finecl.artifacts.provenance import fingerprint
from finecl.errors import SettingsError
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.finetune import finetune
from finecl.extraction.type_constraints import type_triples
from finecl.models.extractor import EXTRACTOR_CONFIG, build_extractor, load_extractor, save_extractor
from finecl.pipeline.context import Context
from finecl.scoring.curriculum import difficulties
from finecl.types import Floats

EXTRACTOR = "extractor"
PRETRAINED, PLAIN = "pretrained", "plain"
VARIANTS = (PRETRAINED, PLAIN)


def made_from(context: Context, encoder: str) -> str:
    """Changes when anything that an extractor depends on does; ``encoder`` is the fingerprint of its encoder."""
    values, corpora = context.settings.to_dict(), context.corpora
    gold = (corpora.train.fingerprint, corpora.dev.fingerprint, corpora.relations)
    proxy = values["proxy"] if context.settings.finetune.curriculum != "none" else None
    code = context.code_of("extractor", context.settings.finetune.extractor)
    return fingerprint(encoder, gold, values["finetune"], values["extractor"], context.settings.seed, proxy, code)


def plain_config(context: Context) -> dict[str, Any]:
    """The config of the extractor on the plain encoder, which is trained first if it has not been."""
    return config_of(context, PLAIN, made_from(context, context.model_fingerprint), None)


def plain_extractor(context: Context) -> Any:
    """The extractor on the plain encoder, which is trained first if it has not been."""
    plain_config(context)
    return load_extractor(context.directory / EXTRACTOR / PLAIN, context.registry, context.settings.model).extractor


def config_of(context: Context, variant: str, fingerprint: str, encoder: Path | None) -> dict[str, Any]:
    """The config of ``extractor/<variant>/``; what is there is trained first if it is not made from ``fingerprint``."""
    config = read_json(context.directory / EXTRACTOR / variant / EXTRACTOR_CONFIG)
    return config if config.get("fingerprint") == fingerprint else _train(context, variant, fingerprint, encoder)


def _train(context: Context, variant: str, fingerprint: str, encoder_directory: Path | None) -> dict[str, Any]:
    chosen = context.settings.finetune
    text = context.text_of(chosen.extractor)
    if chosen.thresholds == "per-relation" and text == "marked-sentences":
        what = "a marked sentence has its best relation or none"
        raise SettingsError(f"finetune.thresholds: expected global for '{chosen.extractor}', got per-relation; {what}")
    train, dev = context.labelled("train", text), context.evaluation("dev")
    encoder, tokenizer = context.encoder(str(encoder_directory) if encoder_directory else None)
    settings = {"loss": chosen.loss, **context.settings.extractor}
    torch.manual_seed(context.settings.seed)  # both variants begin with the same head, whatever loading drew
    extractor = build_extractor(context.registry, chosen.extractor, settings, encoder, train.relations)
    checkpoints = context.checkpoints(f"finetune {variant}", fingerprint)
    difficulty = _difficulty(context, variant, fingerprint, encoder_directory, train)
    found = finetune(
        extractor,
        train,
        dev,
        chosen,
        seed=context.settings.seed,
        stage=f"finetune {variant}",
        listener=context.listener,
        checkpoints=checkpoints,
        difficulty=difficulty,
        random_stage="finetune",
    )
    corpus = context.corpora.train
    config = {
        "extractor": chosen.extractor,
        "settings": settings,
        "relations": list(train.instances.relations),
        "names": dict(context.corpora.names),
        "type_triples": type_triples(corpus.documents(), corpus.no_relation),
        "max_length": tokenizer.max_length,
        "long_documents": chosen.long_documents,
        "fingerprint": fingerprint,
        **vars(found),
    }
    save_extractor(extractor, tokenizer, config, context.directory / EXTRACTOR / variant, write=context.ranks.main)
    checkpoints.clear()
    return config


def _difficulty(
    context: Context, variant: str, fingerprint: str, encoder_directory: Path | None, train: ExtractionDataset
) -> Floats | None:
    """How late each gold document is learned, by an extractor of its own; None without a curriculum."""
    chosen, proxy = context.settings.finetune, context.settings.proxy
    if chosen.curriculum == "none":
        return None
    encoder, _ = context.encoder(str(encoder_directory) if encoder_directory else None)
    settings = {"loss": proxy.loss, **context.settings.extractor}
    extractor = build_extractor(context.registry, chosen.extractor, settings, encoder, train.relations)
    checkpoints = context.checkpoints(f"curriculum {variant}", fingerprint)
    found = difficulties(
        extractor, train, proxy, seed=context.settings.seed, listener=context.listener, checkpoints=checkpoints
    )
    checkpoints.clear()
    return found
