"""The contrastive core alone, beside sentence-transformers': the same sentences, the same loss, both with their cache.

The first sentence of a document is the anchor and its second one the positive; the other documents' second
sentences are the negatives, so a weighted InfoNCE with all weights 1 is the multiple-negatives ranking loss.
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
from finecl_benchmarks.materials import Engine, Precision, Turn, corpus, encoder_of

PAIRS = 128
_TEMPERATURE = 0.05  # sentence-transformers: scale = 20


def sentence_pairs(number: int) -> list[tuple[str, str]]:
    """The sentences of a turn."""
    found = [tuple(map(" ".join, d.sentences[:2])) for d in corpus().documents() if len(d.sentences) > 1]
    at = number * PAIRS % (len(found) - PAIRS)
    return [(first, second) for first, second in found[at : at + PAIRS]]


def ours(precision: Precision) -> Engine:
    """The gradient cache on packed sentences."""
    encoder, tokenizer = encoder_of(precision)
    encoder.freeze_head()
    optimization = Optimization(encoder, PretrainSettings(), 1000)
    nobody = np.zeros(0, dtype=np.int64)
    others = np.tile(np.arange(PAIRS), (PAIRS, 1))[~np.eye(PAIRS, dtype=bool)].reshape(PAIRS, PAIRS - 1)
    pairs = Pairs.contrastive(np.arange(PAIRS)[:, None], others)
    ones = np.ones(PAIRS, dtype=np.float32)

    def encode(batch: Batch, number: int, piece: int) -> torch.Tensor:
        seed_pass(0, "contrastive", number, piece)
        return encoder.entities(encoder(batch), batch)

    def turn(number: int) -> Turn:
        pairs_of_text = sentence_pairs(number)
        began = time.perf_counter()
        packed = [_pack(tokenizer, [pair[side] for pair in pairs_of_text]) for side in (0, 1)]
        batches = [
            part.part(int(run[0]), int(run[-1]) + 1).batch(nobody, nobody, first_position=encoder.first_position)
            for part in packed
            for run in pack_to_budget(part.lengths, encoder.precision.pass_tokens(None))
        ]
        with torch.no_grad():
            whole = torch.cat([encode(batch, number, i) for i, batch in enumerate(batches)])
        whole.requires_grad_()
        loss = weighted_info_nce(whole[:PAIRS], whole[PAIRS:], pairs, ones, ones, temperature=_TEMPERATURE)
        (gradient,) = torch.autograd.grad(loss.total / PAIRS, whole)
        kept = torch.split(gradient, [len(batch.offset_V) for batch in batches])
        for i, (batch, part) in enumerate(zip(batches, kept, strict=True)):
            torch.autograd.backward((encode(batch, number, i) * part).sum())
        optimization.step(number)
        return Turn(sum(len(part.ids_T) for part in packed), time.perf_counter() - began)

    return turn


def sentence_transformers(precision: Precision) -> Engine:
    """Their loss, with 32 sentences at a time as by default."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

    from finecl.models.pretrained import find_model

    _, tokenizer = encoder_of(precision)
    model = SentenceTransformer(find_model("minilm"), device="cpu")
    loss = CachedMultipleNegativesRankingLoss(model, mini_batch_size=32).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)

    def turn(number: int) -> Turn:
        texts = list(zip(*sentence_pairs(number), strict=True))
        began = time.perf_counter()
        features = [dict(model.preprocess(list(side))) for side in texts]
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            torch.autograd.backward(loss(features, torch.zeros(PAIRS)))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds = time.perf_counter() - began
        return Turn(sum(len(_pack(tokenizer, list(side)).ids_T) for side in texts), seconds)

    return turn


def _pack(tokenizer: DocumentTokenizer, texts: list[str]) -> Packed:
    """Sentences as documents with one entity each, which spans all their tokens: its vector is their mean."""
    ids = [[tokenizer.first, *tokenizer.encode(text)[: tokenizer.max_length - 2], tokenizer.last] for text in texts]
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
