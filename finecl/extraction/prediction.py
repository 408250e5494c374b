"""Logits of a trained extractor, and entity pair vectors of an encoder, for labelled documents."""

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
    """Head and tail of each instance, side by side ``[N, 2 H]``; NaN where one is beyond the encoder's reach."""
    encoder.eval()
    lengths, most = data.tokens.lengths, encoder.precision.pass_tokens(max_tokens)
    found = np.full((len(data.instances), 2 * encoder.hidden_size), -np.inf, dtype=np.float32)
    mine = np.argsort(lengths, kind="stable")
    mine = mine[balance(lengths[mine], current().size)[current().rank]]
    for run in pack_to_budget(lengths[mine], most):
        documents = np.sort(mine[run])
        packed = pack(data.tokens.rows(documents))
        asked = select_pairs(packed, data.instances, documents, marked=data.tokens.marked, at_most=0)
        batch = packed.batch(asked.head_row_P, asked.tail_row_P, first_position=encoder.first_position)
        batch = batch.to(encoder.precision.device)
        entities_VH = encoder.entities(encoder(batch), batch)
        vectors = torch.cat([entities_VH[batch.head_P], entities_VH[batch.tail_P]], dim=1)
        found[asked.instance_I] = vectors.cpu().numpy()[asked.pair_I]
    current().merge(found, "max")
    found[np.isneginf(found).all(axis=1)] = np.nan
    return found


@torch.no_grad()
def predict_logits(
    extractor: Any, data: ExtractionDataset, documents: Ints, *, max_tokens: int | None = None, every_pair: bool
) -> Iterator[tuple[Ints, CandidatePairs, Tensor, Tensor]]:
    """Asks a trained extractor about every pair, or only the labelled ones, of each document of this rank's share.

    Yields the documents of a pass, the pairs asked, their logits and labels ``[P, R]``.
    """
    extractor.eval()
    ranks = current()
    mine = documents[balance(data.tokens.lengths[documents], ranks.size)[ranks.rank]]
    by_length = mine[np.argsort(data.tokens.lengths[mine], kind="stable")]
    most = extractor.encoder.precision.pass_tokens(max_tokens)
    todo = [np.sort(by_length[run]) for run in pack_to_budget(data.tokens.lengths[by_length], most)]
    for number in range(ranks.all_max(len(todo))):  # ranks that share the weights all make as many passes
        some = todo[number] if number < len(todo) else documents[:1]
        q = extraction_batch(extractor, data, some, negatives=None if every_pair else 0.0, seed=0, epoch=0)
        if len(q.asked):
            logits_PR = extractor(q.batch)
            if number < len(todo):
                yield some, q.asked, logits_PR, q.labels_PR
