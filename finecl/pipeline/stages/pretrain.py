"""Stage "pretrain": pre-trains the encoder on weighted silver labels; writes a plain Hugging Face directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from finecl.artifacts.files import read_json, write_json
from finecl.artifacts.run_directory import EQUAL_WEIGHTS, RunDirectory
from finecl.artifacts.scores_table import read_suggestions, read_weights
from finecl.distributed.process_group import current
from finecl.errors import FineCLError, SettingsError
from finecl.models.encoder import Encoder
from finecl.models.pretrained import save_encoder
from finecl.models.verification import read_verification
from finecl.pipeline.fingerprints import pretrain_fingerprint
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.pretraining.contrast_groups import SilverData
from finecl.pretraining.loop import PretrainLog, pretrain, train_mlm_head
from finecl.pretraining.step_plan import MLM, PretrainingTask
from finecl.progress import Listener
from finecl.scoring.false_negatives import read_false_negatives
from finecl.scoring.suggestions import Suggestions
from finecl.tokens.candidate_pairs import PairFilter
from finecl.tokens.marked_sentences import entity_keys
from finecl.tokens.token_table import reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.training.checkpointing import CheckpointManager
from finecl.types import Floats, Ints, Objective, declared

_FINGERPRINT = "finecl_fingerprint.json"


def pretrain_stage(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> dict[str, Any]:
    """Pre-trains the encoder, writes ``encoder/`` and returns the metrics of the stage.

    A method without any loss leaves the encoder unchanged.
    """
    encoder, tokenizer = data.encoder()
    if not spec.objectives and not spec.method.mlm:
        save_encoder(encoder, tokenizer, files.encoder, write=current().main)
        return {"steps": 0, "tokens": 0}
    mlm = mlm_coefficient(spec, encoder)
    if mlm < spec.method.mlm:
        advice = "; pretrain.mlm_head_steps trains a head first" if encoder.has_own_head else ""
        why = "has no language-modelling head, so masked language modelling is left out"
        listener.note(f"'{spec.settings.model.name}' {why}{advice}")
    made_from = pretrain_fingerprint(spec, data, files)
    silver = data.dataset("silver", spec.method.input_format)
    false_negatives = read_false_negatives(files.path, spec.settings.pretrain.false_negative_threshold)
    weights = read_weights(files.scores, silver.instances.uid)
    task = pretraining_task(spec, data, tokenizer, weights, false_negatives, mlm=mlm)
    if EQUAL_WEIGHTS in spec.variants:
        _baseline(_with_equal_weights(task), made_from, spec, data, files, listener)
    if spec.settings.pretrain.labels == "suggested":
        task = replace(task, silver=_with_suggestions(task.silver, spec, files))
    checkpoints = spec.checkpoints(files, "pretrain", made_from, listener.note)
    log = _pretrain("pretrain", encoder, task, spec, listener, checkpoints)
    save_encoder(encoder, tokenizer, files.encoder, write=current().main)
    checkpoints.clear()
    return _record(log)


def _pretrain(
    stage: str,
    encoder: Encoder,
    task: PretrainingTask,
    spec: RunSpec,
    listener: Listener,
    checkpoints: CheckpointManager,
) -> PretrainLog:
    if encoder.new_head and task.coefficients[MLM]:
        train_mlm_head(encoder, task, spec.settings.pretrain.mlm_head_steps, listener)
    return pretrain(encoder, task, listener, checkpoints, stage=stage)


def _baseline(
    task: PretrainingTask, made_from: str, spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener
) -> None:
    """Pre-trains the encoder with equal weights, unless it is finished, and writes ``encoder-equal-weights/``."""
    finished = files.baseline / _FINGERPRINT
    if current().broadcast(_is_finished(files.baseline, made_from)):
        return
    stage = f"pretrain {EQUAL_WEIGHTS}"
    checkpoints = spec.checkpoints(files, stage, made_from, listener.note)
    encoder, tokenizer = data.encoder()
    _pretrain(stage, encoder, task, spec, listener, checkpoints)
    save_encoder(encoder, tokenizer, files.baseline, write=current().main)
    if current().main:
        write_json(finished, {"fingerprint": made_from})
    checkpoints.clear()


def _is_finished(directory: Path, made_from: str) -> bool:
    """Returns whether a saved encoder has this fingerprint, and no file of it was changed."""
    try:
        read_verification(directory)
        return bool(read_json(directory / _FINGERPRINT).get("fingerprint") == made_from)
    except FineCLError:
        return False


def _with_equal_weights(task: PretrainingTask) -> PretrainingTask:
    """Returns the task with weight 1 for every label and every pair without a label."""
    silver = task.silver
    usable = reached(silver.instances, silver.tokens)
    weights = np.ones_like(silver.weight)
    return replace(task, silver=replace(silver, weight=weights, unscored=1.0, usable=usable))


def mlm_coefficient(spec: RunSpec, encoder: Encoder) -> float:
    """Returns the coefficient of masked language modelling.

    A language-modelling head with random weights disturbs the encoder, so an encoder with such a head is trained by the
    other losses only, unless the settings ask for masked language modelling or train the head first.

    Raises:
        SettingsError: the settings train the head of a model that has none.
    """
    pretrain = spec.settings.pretrain
    if pretrain.mlm_head_steps and not encoder.has_own_head:
        kind = encoder.config.model_type
        raise SettingsError(f"pretrain.mlm_head_steps: a {kind} model has no language-modelling head; leave it out")
    asked = pretrain.mlm_coefficient is not None or pretrain.mlm_head_steps > 0
    return 0.0 if encoder.new_head and spec.objectives and not asked else spec.method.mlm


def pretraining_task(
    spec: RunSpec,
    data: RunData,
    tokenizer: DocumentTokenizer,
    weights: Floats,
    false_negatives: PairFilter | None = None,
    *,
    mlm: float | None = None,
) -> PretrainingTask:
    """Returns the silver corpus with these weights ``[N]`` and the method's objectives, ready to pre-train on.

    ``mlm`` is the coefficient of masked language modelling, by default the method's; with 0 no token is masked.
    """
    method, settings = spec.method, spec.settings
    mlm = method.mlm if mlm is None else mlm
    return PretrainingTask(
        silver=_silver(spec, data, tokenizer, weights, false_negatives),
        tokenizer=tokenizer,
        settings=settings.pretrain if mlm else replace(settings.pretrain, mlm_probability=0.0),
        objectives=spec.objectives,
        coefficients={name: coefficient for coefficient, name in method.objectives} | {MLM: mlm},
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


def _with_suggestions(silver: SilverData, spec: RunSpec, files: RunDirectory) -> SilverData:
    """Returns the silver data with the relations that the scores table suggests."""
    relations = silver.instances.relations
    relation, confidence = read_suggestions(files.scores, silver.instances.uid, relations)
    instances, weights = Suggestions(relation=relation, confidence=confidence).apply(
        silver.instances, silver.weight, spec.settings.pretrain.suggestion_threshold
    )
    usable = reached(instances, silver.tokens) & (weights > 0)
    return replace(silver, instances=instances, weight=weights, usable=usable)


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
