"""Engines compared by the speed benchmark; each runs one training step, or one inference pass, per call.

All use the same documents (Re-DocRED dev) and the same encoder (MiniLM). ``ENGINES`` maps names to constructors.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import torch

from finecl import registry as plugins
from finecl.config.schema import ProxySettings
from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import Ranks
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.loop import Training
from finecl.extraction.prediction import predict_logits
from finecl.models.extractor import build_extractor
from finecl.models.pretrained import find_model
from finecl.pretraining.loop import train_step
from finecl.pretraining.micro_batch import PretrainingModel
from finecl.progress import Listener
from finecl.tokens.packing import Packed, pack
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.training.optimizer import Optimization
from finecl.types import Ints
from finecl_benchmarks import contrastive, synthetic_corpus
from finecl_benchmarks.speed_setup import (
    DOCUMENTS,
    Engine,
    Precision,
    StepTiming,
    encoder_of,
    extraction_dataset,
    pretraining,
)


def ours(precision: Precision, *, packing: str = "auto", **settings: Any) -> Engine:
    """Returns the pre-training step of finecl."""
    encoder, tokenizer = encoder_of(precision, packing=packing)
    run = pretraining(tokenizer, **settings)
    model = Parallel(PretrainingModel(encoder), Ranks())
    optimization = Optimization(model.module, run.settings, run.settings.max_steps)

    def step(number: int) -> StepTiming:
        began = time.perf_counter()
        work = run.group_batches(number)
        collate_seconds = time.perf_counter() - began
        train_step(model, run, work, number)
        optimization.step(number)
        tokens = sum(len(w.group.packed.ids_T) for w in work)
        return StepTiming(tokens, time.perf_counter() - began, collate_seconds)

    return step


def naive() -> Engine:
    """Returns the same step as published: the checkpoint's own dropout, also in attention, and untuned malloc."""
    from finecl.models.families import FAMILIES
    from finecl.models.safe_reading import read_config, read_model, read_tokenizer
    from finecl_benchmarks.naive import NaiveEngine

    model_path = find_model("minilm")
    run = pretraining(DocumentTokenizer(read_tokenizer(model_path), 512))
    model, _ = read_model(model_path, read_config(model_path), FAMILIES["bert"])
    engine = NaiveEngine(model.train())
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)

    def step(number: int) -> StepTiming:
        work = run.group_batches(number)  # sampling and collating are not timed
        began = time.perf_counter()
        engine.step(work)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return StepTiming(sum(len(w.group.packed.ids_T) for w in work), time.perf_counter() - began)

    return step


def bare(precision: Precision) -> Engine:
    """Returns a training step of the bare encoder on packed documents: forward, backward, update."""
    encoder, tokenizer = encoder_of(precision)
    encoder.freeze_head()
    data = extraction_dataset(tokenizer)
    optimization = Optimization(encoder, ProxySettings(), 1000)

    def step(number: int) -> StepTiming:
        packed = _pack(data, _documents(data, number))
        began = time.perf_counter()
        batch = packed.batch(_no_pairs(), _no_pairs(), first_position=encoder.first_position)
        torch.autograd.backward(encoder(batch).float().square().mean())
        optimization.step(number)
        return StepTiming(len(packed.ids_T), time.perf_counter() - began)

    return step


def proxy(precision: Precision, loss: Literal["ce", "bce"] = "ce") -> Engine:
    """Returns a training step of the bilinear extractor without recorded dynamics; ``bce`` is fine-tuning's loss."""
    encoder, tokenizer = encoder_of(precision)
    data = extraction_dataset(tokenizer)
    extractor = build_extractor(plugins.load(), "bilinear", {"loss": loss}, encoder, data.relations).train()
    settings = ProxySettings(max_tokens=8192, loss=loss)
    training = Training(extractor=extractor, data=data, settings=settings, stage="proxy", seed=0, listener=Listener())
    model, optimization = Parallel(extractor, Ranks()), Optimization(extractor, settings, 1000)

    def step(number: int) -> StepTiming:
        documents = _documents(data, number)
        began = time.perf_counter()
        training._step(model, documents, 0, number)
        optimization.step(number)
        return StepTiming(int(data.tokens.lengths[documents].sum()), time.perf_counter() - began)

    return step


def inference(precision: Precision) -> Engine:
    """Returns an inference pass of the extractor over all entity pairs of 64 documents."""
    encoder, tokenizer = encoder_of(precision)
    data = extraction_dataset(tokenizer)
    extractor = build_extractor(plugins.load(), "bilinear", {"loss": "ce"}, encoder, data.relations)

    def step(number: int) -> StepTiming:
        documents = _documents(data, number, 64)
        began = time.perf_counter()
        for _, _, logits, _ in predict_logits(extractor, data, documents, every_pair=True):
            extractor.scores(logits)
        return StepTiming(int(data.tokens.lengths[documents].sum()), time.perf_counter() - began)

    return step


def bare_inference(precision: Precision) -> Engine:
    """Returns an inference pass of the bare encoder over the same length-sorted batches."""
    from finecl.numerics.partition import pack_to_budget

    encoder, tokenizer = encoder_of(precision)
    encoder.eval()
    data = extraction_dataset(tokenizer)

    def step(number: int) -> StepTiming:
        documents = _documents(data, number, 64)
        lengths = data.tokens.lengths[documents]
        by_length = documents[np.argsort(lengths, kind="stable")]
        runs = pack_to_budget(np.sort(lengths), encoder.precision.pass_tokens(None))
        batches = [
            _pack(data, np.sort(by_length[run])).batch(_no_pairs(), _no_pairs(), first_position=encoder.first_position)
            for run in runs
        ]
        began = time.perf_counter()
        with torch.no_grad():
            for batch in batches:
                encoder(batch)
        return StepTiming(int(lengths.sum()), time.perf_counter() - began)

    return step


def _documents(data: ExtractionDataset, number: int, count: int = DOCUMENTS) -> Ints:
    shuffled = np.random.default_rng(number * count // len(data.tokens)).permutation(len(data.tokens))
    at = number * count % (len(shuffled) - count)
    return np.sort(shuffled[at : at + count])


def _pack(data: ExtractionDataset, documents: Ints) -> Packed:
    return pack(data.tokens.rows(documents))


def _no_pairs() -> Ints:
    return np.zeros(0, dtype=np.int64)


def _in_both_precisions(make: Callable[[Precision], Engine], name: str) -> dict[str, Callable[[], Engine]]:
    return {f"{name} float32": partial(make, "float32"), f"{name} bf16": partial(make, "bf16")}


ENGINES: dict[str, Callable[[], Engine]] = {
    **_in_both_precisions(ours, "packed"),
    **_in_both_precisions(lambda precision: ours(precision, packing="off"), "padded"),
    # A contrast group of 32 documents in one pass, and in smaller passes with the gradient cache.
    **_in_both_precisions(
        lambda precision: ours(precision, batch_size=32, contrast_group=32, max_tokens=9216), "direct"
    ),
    **_in_both_precisions(
        lambda precision: ours(precision, batch_size=32, contrast_group=32, max_tokens=4096), "cached"
    ),
    **_in_both_precisions(bare, "bare"),
    **_in_both_precisions(proxy, "proxy"),
    **_in_both_precisions(lambda precision: proxy(precision, "bce"), "finetune"),
    **_in_both_precisions(inference, "inference"),
    **_in_both_precisions(bare_inference, "bare inference"),
    "naive float32": naive,
    "contrastive bf16": partial(contrastive.ours, "bf16"),
    "sentence-transformers bf16": partial(contrastive.sentence_transformers, "bf16"),
}
"""Constructors of the engines, by name and precision."""
for _size in (16, 64, 256, 768):
    ENGINES[f"global {_size}"] = partial(ours, "bf16", batch_size=_size, contrast_group="global")


def engine(name: str) -> Engine:
    """Creates the engine of this name, such as "packed bf16" or "corpus 10".

    Raises:
        KeyError: there is no such engine.
    """
    if name.startswith("corpus "):
        return synthetic_corpus.engine(int(name.split()[1]))
    return ENGINES[name]()
