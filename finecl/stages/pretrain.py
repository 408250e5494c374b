"""Stage "pretrain": the encoder, pre-trained on weighted silver labels, as a plain Hugging Face directory."""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.checkpoints import save_encoder
from finecl.config import fingerprint
from finecl.groups import Silver
from finecl.plan import MLM, Pretraining
from finecl.pretrain import PretrainLog, pretrain
from finecl.stages.context import Context
from finecl.stages.score import read_weights, score_fingerprint
from finecl.text import Reader, reached

ENCODER = "encoder"


def pretrain_fingerprint(context: Context) -> str:
    """Changes when anything that the encoder depends on does."""
    values = context.settings.to_dict()
    method = context.method
    parts = (method.objectives, method.mlm, dict(method.settings), values["objective"], context.settings.seed)
    return fingerprint(score_fingerprint(context), values["pretrain"], parts)


def pretrain_stage(context: Context) -> dict[str, Any]:
    """Pre-trains the encoder, writes ``encoder/`` and returns the record's numbers."""
    encoder, reader = context.encoder()
    method = context.method
    objectives = {
        name: context.part("objective", name, context.settings.objective.get(name, {})) for _, name in method.objectives
    }
    run = Pretraining(
        silver=silver_data(context, reader),
        reader=reader,
        settings=context.settings.pretrain,
        objectives=objectives,
        coefficients={name: coefficient for coefficient, name in method.objectives} | {MLM: method.mlm},
        seed=context.settings.seed,
    )
    checkpoints = context.checkpoints("pretrain", pretrain_fingerprint(context))
    log = pretrain(encoder, run, context.listener, checkpoints)
    save_encoder(encoder, reader, context.directory / ENCODER, write=context.ranks.main)
    checkpoints.clear()
    return _record(log)


def silver_data(context: Context, reader: Reader) -> Silver:
    """The silver corpus as pre-training meets it."""
    data = context.labelled("silver")
    weights = read_weights(context.directory, data.instances)
    weighting = context.part("weighting", context.method.weighting, context.settings.weighting)
    names = context.corpora.names
    return Silver(
        tokens=data.tokens,
        instances=data.instances,
        weight=weights,
        unscored=float(weighting.unscored),
        relation_tokens=[reader.encode(names[relation]) for relation in data.instances.relations],
        askable=reached(data.instances, data.tokens) & (weights > 0),
    )


def _record(log: PretrainLog) -> dict[str, Any]:
    return {
        "steps": len(next(iter(log.losses.values()))),
        "tokens": log.tokens,
        "seconds": log.seconds,
        "tokens_per_second": log.tokens / log.seconds,
        "collate_share": log.collate_seconds / log.seconds,
        "loss": {name: [None if v is None else round(v, 5) for v in values] for name, values in log.losses.items()},
        "final_loss": {name: _last_mean(values) for name, values in log.losses.items()},
    }


def _last_mean(values: list[float | None], window: int = 10) -> float | None:
    known = [v for v in values[-window:] if v is not None]
    return float(np.mean(known)) if known else None
