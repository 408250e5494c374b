"""What the speed benchmark compares: each engine makes one training step, or one pass, a turn.

All read the same documents (Re-DocRED dev) with the same encoder (MiniLM); ``ENGINES`` says how each is made.
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
from finecl.pretraining.gradient_cache import PretrainingModel
from finecl.pretraining.loop import train_step
from finecl.progress import Listener
from finecl.tokens.packing import Packed, pack
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.training.optimizer import Optimization
from finecl.types import Ints
from finecl_benchmarks import contrastive, scale
from finecl_benchmarks.materials import DOCUMENTS, Engine, Precision, Turn, encoder_of, labelled, pretraining


def ours(precision: Precision, *, packing: str = "auto", **settings: Any) -> Engine:
    """A pre-training step of finecl."""
    encoder, tokenizer = encoder_of(precision, packing=packing)
    run = pretraining(tokenizer, **settings)
    model = Parallel(PretrainingModel(encoder), Ranks())
    optimization = Optimization(model.module, run.settings, run.settings.max_steps)

    def turn(number: int) -> Turn:
        began = time.perf_counter()
        work = run.group_batches(number)
        collated = time.perf_counter() - began
        train_step(model, run, work, number)
        optimization.step(number)
        tokens = sum(len(w.group.packed.ids_T) for w in work)
        return Turn(tokens, time.perf_counter() - began, collated)

    return turn


def naive() -> Engine:
    """The same step as published: the checkpoint's own dropout, also in attention, and malloc as it comes."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    from finecl_benchmarks.naive import NaiveEngine

    where = find_model("minilm")
    run = pretraining(DocumentTokenizer(AutoTokenizer.from_pretrained(where), 512))
    model = AutoModelForMaskedLM.from_pretrained(where).train()
    engine = NaiveEngine(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)

    def turn(number: int) -> Turn:
        work = run.group_batches(number)  # finding the documents is not what is compared
        began = time.perf_counter()
        engine.step(work)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return Turn(sum(len(w.group.packed.ids_T) for w in work), time.perf_counter() - began)

    return turn


def bare(precision: Precision) -> Engine:
    """The encoder alone, packed: forward, backward, update."""
    encoder, tokenizer = encoder_of(precision)
    encoder.freeze_head()
    data = labelled(tokenizer)
    optimization = Optimization(encoder, ProxySettings(), 1000)

    def turn(number: int) -> Turn:
        packed = _pack(data, _documents(data, number))
        began = time.perf_counter()
        batch = packed.batch(_nobody(), _nobody(), first_position=encoder.first_position)
        torch.autograd.backward(encoder(batch).float().square().mean())
        optimization.step(number)
        return Turn(len(packed.ids_T), time.perf_counter() - began)

    return turn


def proxy(precision: Precision, loss: Literal["ce", "bce"] = "ce") -> Engine:
    """A training step of the bilinear extractor, its dynamics not recorded; with ``bce`` it is fine-tuning's."""
    encoder, tokenizer = encoder_of(precision)
    data = labelled(tokenizer)
    extractor = build_extractor(plugins.load(), "bilinear", {"loss": loss}, encoder, data.relations).train()
    settings = ProxySettings(max_tokens=8192, loss=loss)
    training = Training(extractor=extractor, data=data, settings=settings, stage="proxy", seed=0, listener=Listener())
    model, optimization = Parallel(extractor, Ranks()), Optimization(extractor, settings, 1000)

    def turn(number: int) -> Turn:
        documents = _documents(data, number)
        began = time.perf_counter()
        training._step(model, documents, 0, number)
        optimization.step(number)
        return Turn(int(data.tokens.lengths[documents].sum()), time.perf_counter() - began)

    return turn


def inference(precision: Precision) -> Engine:
    """The extractor on every entity pair of 64 documents."""
    encoder, tokenizer = encoder_of(precision)
    data = labelled(tokenizer)
    extractor = build_extractor(plugins.load(), "bilinear", {"loss": "ce"}, encoder, data.relations)

    def turn(number: int) -> Turn:
        documents = _documents(data, number, 64)
        began = time.perf_counter()
        for _, _, logits, _ in predict_logits(extractor, data, documents, every_pair=True):
            extractor.scores(logits)
        return Turn(int(data.tokens.lengths[documents].sum()), time.perf_counter() - began)

    return turn


def bare_inference(precision: Precision) -> Engine:
    """The encoder alone on the same length-sorted passes."""
    from finecl.numerics.partition import pack_to_budget

    encoder, tokenizer = encoder_of(precision)
    encoder.eval()
    data = labelled(tokenizer)

    def turn(number: int) -> Turn:
        documents = _documents(data, number, 64)
        lengths = data.tokens.lengths[documents]
        by_length = documents[np.argsort(lengths, kind="stable")]
        runs = pack_to_budget(np.sort(lengths), encoder.precision.pass_tokens(None))
        batches = [
            _pack(data, np.sort(by_length[run])).batch(_nobody(), _nobody(), first_position=encoder.first_position)
            for run in runs
        ]
        began = time.perf_counter()
        with torch.no_grad():
            for batch in batches:
                encoder(batch)
        return Turn(int(lengths.sum()), time.perf_counter() - began)

    return turn


def _documents(data: ExtractionDataset, number: int, count: int = DOCUMENTS) -> Ints:
    shuffled = np.random.default_rng(number * count // len(data.tokens)).permutation(len(data.tokens))
    at = number * count % (len(shuffled) - count)
    return np.sort(shuffled[at : at + count])


def _pack(data: ExtractionDataset, documents: Ints) -> Packed:
    return pack(data.tokens.rows(documents))


def _nobody() -> Ints:
    return np.zeros(0, dtype=np.int64)


def _both(make: Callable[[Precision], Engine], name: str) -> dict[str, Callable[[], Engine]]:
    return {f"{name} float32": partial(make, "float32"), f"{name} bf16": partial(make, "bf16")}


ENGINES: dict[str, Callable[[], Engine]] = {
    **_both(ours, "packed"),
    **_both(lambda precision: ours(precision, packing="off"), "padded"),
    # A group of 32 documents in one pass, and in passes of 2,048 sub-words with the gradient cache.
    **_both(lambda precision: ours(precision, batch_size=32, contrast_group=32, max_tokens=9216), "direct"),
    **_both(lambda precision: ours(precision, batch_size=32, contrast_group=32, max_tokens=4096), "cached"),
    **_both(bare, "bare"),
    **_both(proxy, "proxy"),
    **_both(lambda precision: proxy(precision, "bce"), "finetune"),
    **_both(inference, "inference"),
    **_both(bare_inference, "bare inference"),
    "naive float32": naive,
    "contrastive bf16": partial(contrastive.ours, "bf16"),
    "sentence-transformers bf16": partial(contrastive.sentence_transformers, "bf16"),
}
"""Engines by name and precision."""
for _size in (16, 64, 256, 768):
    ENGINES[f"global {_size}"] = partial(ours, "bf16", batch_size=_size, contrast_group="global")


def engine(name: str) -> Engine:
    """The engine of this name."""
    if name.startswith("corpus "):
        return scale.engine(int(name.split()[1]))
    return ENGINES[name]()
