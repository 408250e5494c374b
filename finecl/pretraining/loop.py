"""Stage 2: contrastive pre-training of an encoder on weighted silver labels, with masked language modelling.

A step's loss is the sum over objectives of coefficient * (sum over terms / number of terms in the whole step). The
terms are counted from integers before anything is encoded, so the loss does not depend on micro-batches or ranks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import torch

from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import Ranks, current
from finecl.errors import TrainingError
from finecl.models.encoder import Encoder
from finecl.pretraining.gradient_cache import StepLosses, idle, micro_batches
from finecl.pretraining.micro_batch import PretrainingModel, StepEncoder
from finecl.pretraining.step_plan import MLM, GroupBatch, PretrainingTask, count_terms
from finecl.progress import Listener
from finecl.training.checkpointing import CheckpointManager
from finecl.training.optimizer import Optimization, check_finite

_PATIENCE = 20  # steps after which an objective without any term is an error
_HEAD_RATE = 1e-3  # learning rate of a new language-modelling head


@dataclass(kw_only=True)
class PretrainLog:
    """Losses per step (None without terms), tokens without padding, and seconds."""

    losses: dict[str, list[float | None]] = field(default_factory=dict)
    tokens: int = 0
    collate_seconds: float = 0.0
    seconds: float = 0.0


def pretrain(
    encoder: Encoder,
    task: PretrainingTask,
    listener: Listener | None = None,
    checkpoints: CheckpointManager | None = None,
    *,
    stage: str = "pretrain",
) -> PretrainLog:
    """Trains the encoder in place for ``max_steps`` steps, on all ranks; resumes from the newest checkpoint.

    ``stage`` is the name shown while it runs.

    Raises:
        TrainingError: an objective finds no positive pair, or the loss is not a number.
        StoppedError: a signal arrived; a checkpoint was written.
    """
    listener, checkpoints = listener or Listener(), checkpoints or CheckpointManager()
    model = Parallel(PretrainingModel(encoder), current(), task.settings.sharding)
    optimization = Optimization(model.module, task.settings, task.settings.max_steps)
    saved = checkpoints.restore(model.module, optimization)
    log = PretrainLog(**saved.record)
    encoder.train()
    with checkpoints.listening():
        listener.begin(stage, task.settings.max_steps, "steps")
        if saved.step:
            listener.advance(saved.step)
        for step in range(saved.step, task.settings.max_steps):
            checkpoints.before(step, model.module, optimization, lambda: ({}, asdict(log)))
            began = time.perf_counter()
            batches = task.group_batches(step, model.ranks)
            log.collate_seconds += time.perf_counter() - began
            losses = train_step(model, task, batches, step)
            optimization.step(step)
            _log(log, task, batches, losses, model.ranks)
            log.seconds += time.perf_counter() - began
            if step + 1 == min(_PATIENCE, task.settings.max_steps):
                _check_terms(log, task)
            listener.measured(stage, step, losses)
            listener.advance(1, f"{_figures(losses)}  {log.tokens / log.seconds:,.0f} tokens/s")
    return log


def train_mlm_head(encoder: Encoder, task: PretrainingTask, steps: int, listener: Listener | None = None) -> None:
    """Trains a new language-modelling head in place for ``steps`` steps, with the rest of the encoder frozen."""
    if not steps:
        return
    settings = replace(task.settings, max_steps=steps, learning_rate=_HEAD_RATE, warmup_steps=0.1, weight_decay=0.0)
    head_task = replace(task, settings=settings, objectives={}, coefficients={MLM: 1.0})
    encoder.freeze_base()
    pretrain(encoder, head_task, listener, stage="language-modelling head")
    encoder.freeze_base(False)


def train_step(
    model: Parallel, task: PretrainingTask, batches: Sequence[GroupBatch], step: int = 0
) -> dict[str, float]:
    """Adds the gradients of a step; returns the mean loss, over all ranks, of each part that had terms.

    Raises:
        NotFiniteError: a loss is not a number; no update was made.
    """
    ranks = model.ranks
    losses = _step_losses(task, batches, ranks)
    max_tokens = model.module.encoder.precision.pass_tokens(task.settings.max_tokens)
    encode = StepEncoder(model=model, seed=task.seed, step=step, max_tokens=max_tokens)
    passes = list(micro_batches(batches, encode, losses))
    missing = model.passes(len(passes)) - len(passes)  # ranks that share the weights all make as many passes
    if missing:
        passes = [idle((batches or task.group_batches(step))[0])] * missing + passes
    totals = []
    for number, (micro_batch, contrast) in enumerate(passes):
        last = number + 1 == len(passes)
        entities_VH, mlm = encode(micro_batch, last=last)
        loss = losses.mlm(mlm) + contrast(entities_VH)
        model.backward(loss, last=last)
        totals.append(loss.detach())
        encode.end_pass(number, len(passes))
    uids = [micro_batch.uids for micro_batch, _ in passes]
    check_finite("pretrain", list(zip(torch.stack(totals).tolist(), uids, strict=True)), ranks)
    return _means(losses, ranks)


def _step_losses(task: PretrainingTask, batches: Sequence[GroupBatch], ranks: Ranks) -> StepLosses:
    """Counts the terms of each loss over all ranks, and scales each loss by coefficient / count."""
    names = (MLM, *task.objectives)
    local = count_terms(batches, ranks)
    counts = dict(zip(names, ranks.all_sum([local.get(name, 0) for name in names]), strict=True))
    scale = {name: task.coefficients[name] / max(1.0, count) for name, count in counts.items()}
    return StepLosses(counts=counts, scale=scale)


def _means(losses: StepLosses, ranks: Ranks) -> dict[str, float]:
    """Returns the mean of each loss that had terms, over all ranks."""
    parts, names = losses.parts, tuple(losses.counts)
    local = [float(torch.stack(parts[name]).sum()) if name in parts else 0.0 for name in names]
    return {name: mean for name, mean in zip(names, ranks.all_sum(local), strict=True) if losses.counts[name]}


def _log(
    log: PretrainLog, task: PretrainingTask, batches: Sequence[GroupBatch], losses: Mapping[str, float], ranks: Ranks
) -> None:
    (tokens,) = ranks.all_sum([sum(int(batch.group.packed.lengths[batch.own].sum()) for batch in batches)])
    log.tokens += int(tokens)
    for name in (*task.objectives, MLM):
        log.losses.setdefault(name, []).append(losses.get(name))


def _check_terms(log: PretrainLog, task: PretrainingTask) -> None:
    for name in task.objectives:
        if all(value is None for value in log.losses[name]):
            raise TrainingError(
                f"pretrain: '{name}' found no positive pair in {len(log.losses[name])} steps: no relation occurs twice "
                f"in a contrast group (pretrain.contrast_group), documents have two entities only "
                f"(entity discrimination needs a third), or every weight is 0; raise pretrain.contrast_group, add "
                f"silver documents, or choose a method without '{name}'"
            )


def _figures(losses: Mapping[str, float]) -> str:
    return "  ".join(
        f"{''.join(w[0] for w in name.split('-')) if '-' in name else name} {v:.2f}" for name, v in losses.items()
    )
