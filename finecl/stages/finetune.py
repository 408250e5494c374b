"""Stage "finetune": one extractor on the pre-trained encoder, and one on the plain encoder to compare it with."""

from __future__ import annotations

from typing import Any

from finecl.config import fingerprint
from finecl.extraction import build_extractor
from finecl.extractor_files import CARD, save_extractor
from finecl.finetune import finetune
from finecl.records import read_json
from finecl.stages.context import Context
from finecl.stages.pretrain import ENCODER, pretrain_fingerprint

EXTRACTOR = "extractor"
VARIANTS = ("pretrained", "plain")


def finetune_fingerprint(context: Context) -> str:
    """Changes when anything that the extractors depend on does."""
    values, corpora = context.settings.to_dict(), context.corpora
    gold = (corpora.train.fingerprint, corpora.dev.fingerprint)
    return fingerprint(pretrain_fingerprint(context), gold, values["finetune"], values["extractor"])


def finetune_stage(context: Context) -> dict[str, Any]:
    """Fine-tunes both variants, writes ``extractor/<variant>/`` and returns the record's numbers."""
    return {variant: _variant(context, variant) for variant in VARIANTS}


def _variant(context: Context, variant: str) -> dict[str, Any]:
    directory = context.directory / EXTRACTOR / variant
    made_from = finetune_fingerprint(context)
    card = read_json(directory / CARD)
    if card.get("fingerprint") != made_from:
        card = _train(context, variant, made_from)
    return {key: card[key] for key in ("threshold", "dev_f1", "epoch", "dev_f1_by_epoch")}


def _train(context: Context, variant: str, made_from: str) -> dict[str, Any]:
    chosen = context.settings.finetune
    train, dev = context.labelled("train"), context.labelled("dev")
    encoder, reader = context.encoder(str(context.directory / ENCODER) if variant == "pretrained" else None)
    settings = {"loss": chosen.loss, **context.settings.extractor}
    extractor = build_extractor(context.registry, chosen.extractor, settings, encoder, train.relations)
    found = finetune(
        extractor,
        train,
        dev,
        chosen,
        seed=context.settings.seed,
        stage=f"finetune {variant}",
        listener=context.listener,
        checkpoints=context.checkpoints(f"finetune {variant}", made_from),
    )
    card = {
        "extractor": chosen.extractor,
        "settings": settings,
        "relations": list(train.instances.relations),
        "names": dict(context.corpora.names),
        "max_length": reader.max_length,
        "fingerprint": made_from,
        **vars(found),
    }
    save_extractor(extractor, reader, card, context.directory / EXTRACTOR / variant, write=context.ranks.main)
    context.checkpoints(f"finetune {variant}", made_from).clear()
    return card
