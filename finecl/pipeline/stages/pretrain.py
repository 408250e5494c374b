"""Stage "pretrain": pre-trains the encoder on weighted silver labels; writes a plain Hugging Face directory."""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.artifacts.run_directory import RunDirectory
from finecl.artifacts.scores_table import read_weights
from finecl.distributed.process_group import current
from finecl.models.pretrained import save_encoder
from finecl.pipeline.fingerprints import pretrain_fingerprint
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.pretraining.contrast_groups import SilverData
from finecl.pretraining.loop import PretrainLog, pretrain
from finecl.pretraining.step_plan import MLM, PretrainingTask
from finecl.progress import Listener
from finecl.scoring.false_negatives import read_false_negatives
from finecl.tokens.candidate_pairs import PairFilter
from finecl.tokens.marked_sentences import entity_keys
from finecl.tokens.token_table import reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Floats, Ints, Objective, declared


def pretrain_stage(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> dict[str, Any]:
    """Pre-trains the encoder, writes ``encoder/`` and returns the metrics of the stage.

    A method without any loss leaves the encoder unchanged.
    """
    encoder, tokenizer = data.encoder()
    if not spec.objectives and not spec.method.mlm:
        save_encoder(encoder, tokenizer, files.encoder, write=current().main)
        return {"steps": 0, "tokens": 0}
    silver = data.dataset("silver", spec.method.input_format)
    false_negatives = read_false_negatives(files.path, spec.settings.pretrain.false_negative_threshold)
    weights = read_weights(files.scores, silver.instances.uid)
    task = pretraining_task(spec, data, tokenizer, weights, false_negatives)
    checkpoints = spec.checkpoints(files, "pretrain", pretrain_fingerprint(spec, data, files), listener.note)
    log = pretrain(encoder, task, listener, checkpoints)
    save_encoder(encoder, tokenizer, files.encoder, write=current().main)
    checkpoints.clear()
    return _record(log)


def pretraining_task(
    spec: RunSpec,
    data: RunData,
    tokenizer: DocumentTokenizer,
    weights: Floats,
    false_negatives: PairFilter | None = None,
) -> PretrainingTask:
    """Returns the silver corpus with these weights ``[N]`` and the method's objectives, ready to pre-train on."""
    method, settings = spec.method, spec.settings
    return PretrainingTask(
        silver=_silver(spec, data, tokenizer, weights, false_negatives),
        tokenizer=tokenizer,
        settings=settings.pretrain,
        objectives=spec.objectives,
        coefficients={name: coefficient for coefficient, name in method.objectives} | {MLM: method.mlm},
        seed=settings.seed,
    )


def _silver(
    spec: RunSpec, data: RunData, tokenizer: DocumentTokenizer, weights: Floats, false_negatives: PairFilter | None
) -> SilverData:
    silver, names = data.dataset("silver", spec.method.input_format), data.corpora.names
    keys: tuple[Ints | None, Ints | None] = (None, None)
    if any(declared(o, Objective, "sampling") == "entity-pairs" for o in spec.objectives.values()):
        entities = data.corpora.silver.entities
        keys = entity_keys(entities.key, entities.first, silver.tokens)
    return SilverData(
        tokens=silver.tokens,
        instances=silver.instances,
        weight=weights,
        unscored=float(spec.weighting.unscored),
        relation_tokens=[tokenizer.encode(names[relation]) for relation in silver.instances.relations],
        usable=reached(silver.instances, silver.tokens) & (weights > 0),
        entity_key=keys[0],
        first_entity=keys[1],
        blanking=spec.method.blanking,
        # every marked sentence is labelled, so none is a false negative
        pair_filter=false_negatives if spec.method.input_format == "documents" else None,
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
