"""Stage "pretrain": the encoder, pre-trained on weighted silver labels, as a plain Hugging Face directory."""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.artifacts.provenance import fingerprint
from finecl.artifacts.scores_table import read_weights
from finecl.models.pretrained import save_encoder
from finecl.pipeline.context import Context
from finecl.pipeline.stages.score import SCORES, score_fingerprint
from finecl.pretraining.contrast_groups import SilverData
from finecl.pretraining.loop import PretrainLog, pretrain
from finecl.pretraining.step_plan import MLM, PretrainingTask
from finecl.scoring.false_negatives import NotFalseNegative
from finecl.tokens.candidate_pairs import PairFilter
from finecl.tokens.marked_sentences import entity_keys
from finecl.tokens.token_table import reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Floats, Ints

ENCODER = "encoder"


def pretrain_fingerprint(context: Context) -> str:
    """Changes when anything that the encoder depends on does."""
    values = context.settings.to_dict()
    method = context.method
    code = [context.code_of("objective", name) for _, name in method.objectives]
    named = (method.objectives, method.mlm, method.input_format, method.blanking, dict(method.settings), code)
    parts = (named, values["objective"], values["compat"], context.settings.seed)
    return fingerprint(score_fingerprint(context), values["pretrain"], parts)


def pretrain_stage(context: Context) -> dict[str, Any]:
    """Pre-trains the encoder, writes ``encoder/`` and returns the record's numbers.

    A method without any loss leaves the encoder as it is.
    """
    encoder, tokenizer = context.encoder()
    if not context.method.objectives and not context.method.mlm:
        save_encoder(encoder, tokenizer, context.directory / ENCODER, write=context.ranks.main)
        return {"steps": 0, "tokens": 0}
    silver = context.labelled("silver", context.method.input_format)
    run = pretraining(context, tokenizer, read_weights(context.directory / SCORES, silver.instances.uid))
    checkpoints = context.checkpoints("pretrain", pretrain_fingerprint(context))
    log = pretrain(encoder, run, context.listener, checkpoints)
    save_encoder(encoder, tokenizer, context.directory / ENCODER, write=context.ranks.main)
    checkpoints.clear()
    return _record(log)


def pretraining(context: Context, tokenizer: DocumentTokenizer, weights: Floats) -> PretrainingTask:
    """What is pre-trained on: the silver corpus with these weights ``[N]``, and the method's objectives."""
    method, settings = context.method, context.settings
    objectives = {
        name: context.part("objective", name, settings.objective.get(name, {})) for _, name in method.objectives
    }
    keyed = any(objective.sampling == "entity-pairs" for objective in objectives.values())
    return PretrainingTask(
        silver=_silver(context, tokenizer, weights, keyed=keyed),
        tokenizer=tokenizer,
        settings=settings.pretrain,
        objectives=objectives,
        coefficients={name: coefficient for coefficient, name in method.objectives} | {MLM: method.mlm},
        seed=settings.seed,
    )


def _silver(context: Context, tokenizer: DocumentTokenizer, weights: Floats, *, keyed: bool) -> SilverData:
    """The silver corpus as pre-training meets it."""
    method, settings = context.method, context.settings
    data = context.labelled("silver", method.input_format)
    weighting = context.part("weighting", method.weighting, settings.weighting)
    names = context.corpora.names
    keys: tuple[Ints | None, Ints | None] = (None, None)
    if keyed:
        entities = context.corpora.silver.entities
        keys = entity_keys(entities.key, entities.first, data.tokens)
    return SilverData(
        tokens=data.tokens,
        instances=data.instances,
        weight=weights,
        unscored=float(weighting.unscored),
        relation_tokens=[tokenizer.encode(names[relation]) for relation in data.instances.relations],
        askable=reached(data.instances, data.tokens) & (weights > 0),
        entity_key=keys[0],
        first_entity=keys[1],
        blanking=method.blanking,
        pair_filter=_pair_filter(context),
    )


def _pair_filter(context: Context) -> PairFilter | None:
    """Leaves suspected false negatives out, if that is asked for; of marked sentences every one was labelled."""
    least = context.settings.pretrain.false_negative_threshold
    if least is None or context.method.input_format != "documents":
        return None
    return NotFalseNegative.read(context.directory, least)


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
