"""Estimates the cost of a run: counts steps and tokens, measures time and memory on single passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from finecl.artifacts.provenance import peak_memory
from finecl.artifacts.run_directory import PLAIN
from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import Ranks, current
from finecl.extraction.loop import Training
from finecl.extraction.prediction import predict_logits
from finecl.models.encoder import Encoder
from finecl.models.extractor import build_extractor, extractor_settings
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.pipeline.stages.pretrain import pretraining_task
from finecl.pretraining.loop import train_step
from finecl.pretraining.micro_batch import PretrainingModel
from finecl.pretraining.step_plan import PretrainingTask
from finecl.progress import Listener
from finecl.training.optimizer import Optimization

_WARM_UP, _SECONDS = 3, 2.0  # untimed passes; duration of the timed ones in seconds


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One stage: ``tokens`` are sub-words without padding; ``seconds`` is extrapolated from a timed pass."""

    stage: str
    steps: int
    tokens: int
    seconds: float


def plan_run(spec: RunSpec, data: RunData) -> dict[str, Any]:
    """Returns steps, tokens, time and memory of each stage, on the ranks of this run.

    Time is that of one process divided by the number of ranks. Memory is the peak of this process after a whole
    training step; it does not grow with the number of ranks.
    """
    rates, ranks = _Rates(spec, data), max(1, current().size)
    stages = [*([_score(spec, data, rates)] if spec.scorer else []), *_trained(spec, data, rates)]
    return {
        "ranks": ranks,
        "precision": data.precision,
        "memory_gb": rates.memory_bytes / 1e9,
        "stages": [asdict(stage) | {"seconds": stage.seconds / ranks} for stage in stages],
        "seconds": sum(stage.seconds for stage in stages) / ranks,
    }


def _score(spec: RunSpec, data: RunData, rates: _Rates) -> Planned:
    proxy, epochs = spec.settings.proxy, spec.settings.proxy.num_train_epochs
    tokens, evaluations = _tokens(data, "silver"), epochs if proxy.record != "batch" else 0
    return Planned(
        stage="score",
        steps=epochs * -(-len(data.dataset("silver").tokens) // proxy.batch_size),
        tokens=(epochs + evaluations) * tokens,
        seconds=epochs * tokens / rates.train + evaluations * tokens / rates.predict,
    )


def _trained(spec: RunSpec, data: RunData, rates: _Rates) -> list[Planned]:
    """Returns the plans of pre-training the encoders, and of fine-tuning and evaluating all variants."""
    finetune, gold = spec.settings.finetune, data.corpora.has_gold
    variants = len(spec.variants) if gold else 1
    encoders = len([name for name in spec.variants if name != PLAIN])
    epochs, split = finetune.num_train_epochs, "train" if gold else "silver"
    looks = -(-epochs // finetune.eval_epochs)
    dev = _scored_tokens(data, "dev") if gold else _tokens(data, "silver") // 10
    trained, evaluated = variants * epochs * _tokens(data, split), variants * looks * dev
    tested = variants * _scored_tokens(data, "test") if gold else 0
    batches = -(-len(data.dataset(split).tokens) // finetune.batch_size)
    steps = encoders * spec.settings.pretrain.max_steps if spec.objectives or spec.method.mlm else 0
    pretrained = steps * rates.pretrain_tokens
    seconds = trained / rates.train + evaluated / rates.predict
    return [
        Planned(stage="pretrain", steps=steps, tokens=pretrained, seconds=pretrained / rates.pretrain),
        Planned(stage="finetune", steps=variants * epochs * batches, tokens=trained + evaluated, seconds=seconds),
        Planned(stage="evaluate", steps=0, tokens=tested, seconds=tested / rates.predict),
    ]


def _tokens(data: RunData, split: str) -> int:
    return int(data.dataset(split).tokens.lengths.sum())


def _scored_tokens(data: RunData, split: str) -> int:
    """Returns the sub-words that evaluation reads; windows of a long document overlap."""
    return sum(len(row.ids) for row in data.evaluation(split).rows)


class _Rates:
    """Tokens per second of each kind of encoder pass, measured on a copy of the encoder."""

    def __init__(self, spec: RunSpec, data: RunData) -> None:
        encoder, tokenizer = data.encoder()
        weights = np.ones(len(data.dataset("silver", spec.method.input_format).instances), dtype=np.float32)
        task = pretraining_task(spec, data, tokenizer, weights)
        self.pretrain_tokens, self.pretrain = self._pretraining(encoder, task)
        encoder, _ = data.encoder()
        self.train, self.predict = self._extraction(spec, data, encoder)
        gpu = encoder.precision.device.startswith("cuda")
        own = peak_memory()
        self.memory_bytes = torch.cuda.max_memory_allocated() if gpu else own

    def _pretraining(self, encoder: Encoder, task: PretrainingTask) -> tuple[int, float]:
        """Returns the tokens of a step, and tokens per second of its first group."""
        groups = task.group_specs(0)
        tokens = sum(int(task.silver.tokens.lengths[group.documents].sum()) for group in groups)
        model = Parallel(PretrainingModel(encoder.train()), Ranks())
        optimization = Optimization(model.module, task.settings, 10)
        batches = task.group_batches(0)[:1]

        def step(number: int) -> int:
            train_step(model, task, batches, number)
            optimization.step(number)
            return sum(len(batch.group.packed.ids_T) for batch in batches)

        return tokens, _timed(step)

    def _extraction(self, spec: RunSpec, data: RunData, encoder: Encoder) -> tuple[float, float]:
        """Returns tokens per second of training an extractor and of predicting with it."""
        settings = spec.settings.finetune
        train = data.dataset("train" if data.corpora.has_gold else "silver", spec.input_format(settings.extractor))
        head_settings = extractor_settings(spec.registry, settings.extractor, settings.loss, spec.settings.extractor)
        extractor = build_extractor(spec.registry, settings.extractor, head_settings, encoder, train.relations)
        training = Training(
            extractor=extractor.train(), data=train, settings=settings, stage="plan", seed=0, listener=Listener()
        )
        model, optimization = Parallel(extractor, Ranks()), Optimization(extractor, settings, 10)
        documents = np.arange(min(settings.batch_size, len(train.tokens)))

        def step(number: int) -> int:
            training._step(model, documents, 0, number)
            optimization.step(number)
            return int(train.tokens.lengths[documents].sum())

        def predict(number: int) -> int:
            for _ in predict_logits(extractor, train, documents, every_pair=True):
                pass
            return int(train.tokens.lengths[documents].sum())

        return _timed(step), _timed(predict)


def _timed(work: Callable[[int], int]) -> float:
    """Returns tokens per second, without the first passes, which are slower."""
    for number in range(_WARM_UP):
        work(number)
    tokens, number, began = 0, _WARM_UP, time.perf_counter()
    while not tokens or time.perf_counter() - began < _SECONDS:
        tokens, number = tokens + work(number), number + 1
    return tokens / (time.perf_counter() - began)
