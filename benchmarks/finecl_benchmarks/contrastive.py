"""finecl's contrastive step against sentence-transformers': the same sentences and loss, both with gradient caching.

The first sentence of a document is the anchor, its second sentence the positive, and the second sentences of the other
documents are the negatives. Weighted InfoNCE with all weights 1 then equals the multiple-negatives ranking loss.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from finecl.config.schema import PretrainSettings
from finecl.losses import weighted_info_nce
from finecl.numerics.partition import pack_to_budget
from finecl.tokens.packing import Packed, pack
from finecl.tokens.token_rows import TokenBatch
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.training.checkpointing import seed_pass
from finecl.training.optimizer import Optimization
from finecl.types import Batch, Ints, Pairs
from finecl_benchmarks.speed_setup import Engine, Precision, StepTiming, corpus, encoder_of

PAIRS = 128
_TEMPERATURE = 0.05  # sentence-transformers: scale = 20


def sentence_pairs(number: int) -> list[tuple[str, str]]:
    """Returns the ``PAIRS`` sentence pairs of step ``number``."""
    pairs = [tuple(map(" ".join, d.sentences[:2])) for d in corpus().documents() if len(d.sentences) > 1]
    at = number * PAIRS % (len(pairs) - PAIRS)
    return [(first, second) for first, second in pairs[at : at + PAIRS]]


def ours(precision: Precision) -> Engine:
    """Returns finecl's step: the gradient cache on packed sentences."""
    encoder, tokenizer = encoder_of(precision)
    encoder.freeze_head()
    optimization = Optimization(encoder, PretrainSettings(), 1000)
    no_pairs = np.zeros(0, dtype=np.int64)
    others = np.tile(np.arange(PAIRS), (PAIRS, 1))[~np.eye(PAIRS, dtype=bool)].reshape(PAIRS, PAIRS - 1)
    pairs = Pairs.contrastive(np.arange(PAIRS)[:, None], others)
    ones = np.ones(PAIRS, dtype=np.float32)

    def encode(batch: Batch, number: int, piece: int) -> torch.Tensor:
        seed_pass(0, "contrastive", number, piece)
        return encoder.entities(encoder(batch), batch)

    def step(number: int) -> StepTiming:
        sentences = sentence_pairs(number)
        began = time.perf_counter()
        packed = [_pack(tokenizer, [pair[side] for pair in sentences]) for side in (0, 1)]
        batches = [
            part.part(int(run[0]), int(run[-1]) + 1).batch(no_pairs, no_pairs, first_position=encoder.first_position)
            for part in packed
            for run in pack_to_budget(part.lengths, encoder.precision.pass_tokens(None))
        ]
        with torch.no_grad():
            vectors = torch.cat([encode(batch, number, i) for i, batch in enumerate(batches)])
        vectors.requires_grad_()
        loss = weighted_info_nce(vectors[:PAIRS], vectors[PAIRS:], pairs, ones, ones, temperature=_TEMPERATURE)
        (gradient,) = torch.autograd.grad(loss.total / PAIRS, vectors)
        gradients = torch.split(gradient, [len(batch.offset_V) for batch in batches])
        for i, (batch, part) in enumerate(zip(batches, gradients, strict=True)):
            torch.autograd.backward((encode(batch, number, i) * part).sum())
        optimization.step(number)
        return StepTiming(sum(len(part.ids_T) for part in packed), time.perf_counter() - began)

    return step


def sentence_transformers(precision: Precision) -> Engine:
    """Returns sentence-transformers' step: its cached loss, with its default of 32 sentences per mini-batch."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

    from finecl.models.pretrained import find_model

    _, tokenizer = encoder_of(precision)
    model = SentenceTransformer(
        find_model("minilm"), device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True}
    )
    loss = CachedMultipleNegativesRankingLoss(model, mini_batch_size=32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)

    def step(number: int) -> StepTiming:
        texts = list(zip(*sentence_pairs(number), strict=True))
        began = time.perf_counter()
        features = [dict(model.preprocess(list(side))) for side in texts]
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            torch.autograd.backward(loss(features, torch.zeros(PAIRS)))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - began
        return StepTiming(sum(len(_pack(tokenizer, list(side)).ids_T) for side in texts), seconds)

    return step


def _pack(tokenizer: DocumentTokenizer, texts: list[str]) -> Packed:
    """Packs sentences as documents with one entity that spans all tokens, so that its vector is their mean."""
    ids = [tokenizer.framed(tokenizer.encode(text)[: tokenizer.room]) for text in texts]
    lengths: Ints = np.array([len(row) for row in ids], dtype=np.int64)
    zeros = np.zeros(len(ids), dtype=np.int64)
    return pack(
        TokenBatch(
            ids=np.concatenate([np.array(row, dtype=np.int64) for row in ids]),
            lengths=lengths,
            start=zeros,
            end=lengths,
            entity=zeros,
            mentions=np.ones(len(ids), dtype=np.int64),
            sentence=np.zeros(int(lengths.sum()), dtype=np.int64),
        )
    )
