"""What a run would take, before anything of it runs: steps and tokens counted, time and memory measured on one pass."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import Ranks
from finecl.extraction.loop import Training
from finecl.extraction.prediction import predict_logits
from finecl.models.encoder import Encoder
from finecl.models.extractor import build_extractor
from finecl.pipeline.context import Context
from finecl.pipeline.stages.pretrain import pretraining
from finecl.pretraining.gradient_cache import PretrainingModel
from finecl.pretraining.loop import train_step
from finecl.pretraining.step_plan import PretrainingTask
from finecl.progress import Listener
from finecl.training.optimizer import Optimization

_WARM_UP, _SECONDS = 3, 2.0  # passes that do not count, and how long the others are timed


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One stage: ``tokens`` are sub-words that the encoder reads, real ones; ``seconds`` follow from a timed pass."""

    stage: str
    steps: int
    tokens: int
    seconds: float


def plan_run(context: Context) -> dict[str, Any]:
    """Steps, tokens, time and memory of each stage, on the ranks that there are.

    Time is that of one process divided by the number of ranks. Memory is the peak of this process, which has made a
    whole training step: it does not grow with their number.
    """
    rates, ranks = _Rates(context), max(1, context.ranks.size)
    stages = [*([_score(context, rates)] if context.method.scorer else []), *_trained(context, rates)]
    return {
        "ranks": ranks,
        "precision": context.precision,
        "memory_gb": rates.memory_bytes / 1e9,
        "stages": [asdict(stage) | {"seconds": stage.seconds / ranks} for stage in stages],
        "seconds": sum(stage.seconds for stage in stages) / ranks,
    }


def _score(context: Context, rates: _Rates) -> Planned:
    proxy, epochs = context.settings.proxy, context.settings.proxy.num_train_epochs
    tokens, looks = _tokens(context, "silver"), epochs if proxy.record != "batch" else 0
    return Planned(
        stage="score",
        steps=epochs * -(-len(context.labelled("silver").tokens) // proxy.batch_size),
        tokens=(epochs + looks) * tokens,
        seconds=epochs * tokens / rates.extract + looks * tokens / rates.answer,
    )


def _trained(context: Context, rates: _Rates) -> list[Planned]:
    """Pre-training, and both variants of fine-tuning and evaluation."""
    steps, finetune = context.settings.pretrain.max_steps, context.settings.finetune
    epochs = finetune.num_train_epochs
    learned = 2 * epochs * _tokens(context, "train")
    looked = 2 * -(-epochs // finetune.eval_epochs) * _tokens(context, "dev")
    tested = 2 * _tokens(context, "test")
    batches = -(-len(context.labelled("train").tokens) // finetune.batch_size)
    if not context.method.objectives and not context.method.mlm:
        steps = 0
    read = steps * rates.pretrain_tokens
    seconds = learned / rates.extract + looked / rates.answer
    return [
        Planned(stage="pretrain", steps=steps, tokens=read, seconds=read / rates.pretrain),
        Planned(stage="finetune", steps=2 * epochs * batches, tokens=learned + looked, seconds=seconds),
        Planned(stage="evaluate", steps=0, tokens=tested, seconds=tested / rates.answer),
    ]


def _tokens(context: Context, split: str) -> int:
    return int(context.labelled(split).tokens.lengths.sum())


class _Rates:
    """Tokens a second of each kind of pass, on a copy of the encoder that is thrown away."""

    def __init__(self, context: Context) -> None:
        encoder, tokenizer = context.encoder()
        run = pretraining(
            context,
            tokenizer,
            np.ones(len(context.labelled("silver", context.method.input_format).instances), dtype=np.float32),
        )
        self.pretrain_tokens, self.pretrain = self._pretraining(encoder, run)
        encoder, _ = context.encoder()
        self.extract, self.answer = self._extraction(context, encoder)
        gpu = encoder.precision.device.startswith("cuda")
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self.memory_bytes = torch.cuda.max_memory_allocated() if gpu else own

    def _pretraining(self, encoder: Encoder, run: PretrainingTask) -> tuple[int, float]:
        """Tokens of a step, and tokens a second of its first groups."""
        drawn = run.group_specs(0)
        tokens = sum(int(run.silver.tokens.lengths[d.documents].sum()) for d in drawn)
        model = Parallel(PretrainingModel(encoder.train()), Ranks())
        optimization = Optimization(model.module, run.settings, 10)
        work = run.group_batches(0)[:1]

        def once(number: int) -> int:
            train_step(model, run, work, number)
            optimization.step(number)
            return sum(len(w.group.packed.ids_T) for w in work)

        return tokens, _timed(once)

    def _extraction(self, context: Context, encoder: Encoder) -> tuple[float, float]:
        """Tokens a second of training an extractor and of asking it."""
        settings = context.settings.finetune
        data = context.labelled("train", context.text_of(settings.extractor))
        own = {"loss": settings.loss, **context.settings.extractor}
        extractor = build_extractor(context.registry, settings.extractor, own, encoder, data.relations)
        training = Training(
            extractor=extractor.train(), data=data, settings=settings, stage="plan", seed=0, listener=Listener()
        )
        model, optimization = Parallel(extractor, Ranks()), Optimization(extractor, settings, 10)
        documents = np.arange(min(settings.batch_size, len(data.tokens)))

        def learn(number: int) -> int:
            training._step(model, documents, 0, number)
            optimization.step(number)
            return int(data.tokens.lengths[documents].sum())

        def ask(number: int) -> int:
            for _ in predict_logits(extractor, data, documents, every_pair=True):
                pass
            return int(data.tokens.lengths[documents].sum())

        return _timed(learn), _timed(ask)


def _timed(work: Callable[[int], int]) -> float:
    """Tokens a second, after a few passes that are slower because they are the first."""
    for number in range(_WARM_UP):
        work(number)
    tokens, number, began = 0, _WARM_UP, time.perf_counter()
    while not tokens or time.perf_counter() - began < _SECONDS:
        tokens, number = tokens + work(number), number + 1
    return tokens / (time.perf_counter() - began)
