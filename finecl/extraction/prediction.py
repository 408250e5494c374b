"""Computes logits of a trained extractor, and entity pair vectors of an encoder, for labelled documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.distributed.process_group import current
from finecl.extraction.examples import ExtractionDataset, extraction_batch
from finecl.numerics.partition import balance, pack_to_budget
from finecl.tokens.candidate_pairs import CandidatePairs, select_pairs
from finecl.tokens.packing import pack
from finecl.types import Floats, Ints


@torch.no_grad()
def pair_vectors(encoder: Any, data: ExtractionDataset, *, max_tokens: int | None = None) -> Floats:
    """Returns the head and tail vectors of each instance ``[I, 2 H]``; NaN for entities beyond the encoder's window."""
    encoder.eval()
    lengths, budget = data.tokens.lengths, encoder.precision.pass_tokens(max_tokens)
    vectors_IH = np.full((len(data.instances), 2 * encoder.hidden_size), -np.inf, dtype=np.float32)
    mine = np.argsort(lengths, kind="stable")
    mine = mine[balance(lengths[mine], current().size)[current().rank]]
    for run in pack_to_budget(lengths[mine], budget):
        documents = np.sort(mine[run])
        packed = pack(data.tokens.rows(documents))
        pairs = select_pairs(packed, data.instances, documents, marked=data.tokens.marked, at_most=0)
        batch = packed.batch(pairs.head_row_P, pairs.tail_row_P, first_position=encoder.first_position)
        batch = batch.to(encoder.precision.device)
        entities_VH = encoder.entities(encoder(batch), batch)
        vectors = torch.cat([entities_VH[batch.head_P], entities_VH[batch.tail_P]], dim=1)
        vectors_IH[pairs.instance_I] = vectors.cpu().numpy()[pairs.pair_I]
    current().merge(vectors_IH, "max")
    vectors_IH[np.isneginf(vectors_IH).all(axis=1)] = np.nan
    return vectors_IH


@torch.no_grad()
def predict_logits(
    extractor: Any, data: ExtractionDataset, documents: Ints, *, max_tokens: int | None = None, every_pair: bool
) -> Iterator[tuple[Ints, CandidatePairs, Tensor, Tensor]]:
    """Computes the logits of every pair, or only of the labelled pairs, of the documents of this rank.

    Yields the documents of a pass, its pairs, their logits and labels ``[P, R]``.
    """
    extractor.eval()
    ranks = current()
    mine = documents[balance(data.tokens.lengths[documents], ranks.size)[ranks.rank]]
    by_length = mine[np.argsort(data.tokens.lengths[mine], kind="stable")]
    budget = extractor.encoder.precision.pass_tokens(max_tokens)
    passes = [np.sort(by_length[run]) for run in pack_to_budget(data.tokens.lengths[by_length], budget)]
    for number in range(ranks.all_max(len(passes))):  # ranks that share sharded weights make equally many passes
        in_pass = passes[number] if number < len(passes) else documents[:1]
        q = extraction_batch(extractor, data, in_pass, negatives=None if every_pair else 0.0, seed=0, epoch=0)
        if len(q.pairs):
            logits_PR = extractor(q.batch)
            if number < len(passes):
                yield in_pass, q.pairs, logits_PR, q.labels_PR
