"""Converts labelled documents to extractor inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.numerics.ragged import find
from finecl.tokens.candidate_pairs import CandidatePairs, PairFilter, select_pairs
from finecl.tokens.packing import Packed, pack
from finecl.tokens.token_table import TokenizedCorpus
from finecl.types import Batch, Floats, Instances, Ints


@dataclass(frozen=True, kw_only=True)
class ExtractionDataset:
    """A tokenized corpus and its labels.

    ``pair_filter`` selects the pairs that may serve as no-relation pairs. ``weight_I`` [I] are weights of the labels in
    training, within 0..1: a pair's gradient is multiplied by the largest weight of its labels. None: all are 1.
    """

    tokens: TokenizedCorpus
    instances: Instances
    pair_filter: PairFilter | None = None
    weight_I: Floats | None = None

    @property
    def relations(self) -> int:
        """Number of logits: the relations, and no-relation as the last."""
        return len(self.instances.relations) + 1

    def part(self, documents: Ints) -> ExtractionDataset:
        """Returns some of the documents (rising row numbers), renumbered from 0, with their labels."""
        position, whole = find(documents, self.instances.document), self.pair_filter
        pair_filter: PairFilter | None = None
        if whole is not None:
            pair_filter = lambda document, head, tail: whole(documents[document], head, tail)  # noqa: E731
        return ExtractionDataset(
            tokens=self.tokens.part(documents),
            instances=self.instances.part(position >= 0, document=position),
            pair_filter=pair_filter,
            weight_I=None if self.weight_I is None else self.weight_I[position >= 0],
        )


@dataclass(frozen=True, kw_only=True)
class ExtractionBatch:
    """One encoder pass: the candidate pairs, as integers and as tensors; ``labels_PR`` is multi-hot.

    ``documents`` are the row numbers of the documents in their corpus. ``weight_P`` [P] are the pairs' weights; None if
    all are 1.
    """

    documents: Ints
    packed: Packed
    pairs: CandidatePairs
    batch: Batch
    labels_PR: Tensor
    weight_P: Tensor | None = None

    def weighted(self, logits_PR: Tensor) -> Tensor:
        """Returns the same logits, whose gradients are multiplied by the weights of their pairs.

        A loss is a sum over pairs, so the gradients are those of the weighted sum, whatever the extractor's loss is.
        """
        if self.weight_P is None:
            return logits_PR
        weighted_PR = logits_PR * self.weight_P[:, None]
        return logits_PR.detach() + weighted_PR - weighted_PR.detach()


def extraction_batch(
    extractor: Any, data: ExtractionDataset, documents: Ints, *, negatives: float | None, seed: int, epoch: int
) -> ExtractionBatch:
    """Builds the batch of some documents: labelled pairs, and all (None) or a sample of the no-relation pairs."""
    packed = pack(data.tokens.rows(documents))
    marked = data.tokens.marked
    pair_filter = data.pair_filter if negatives else None
    pairs = select_pairs(
        packed,
        data.instances,
        documents,
        marked=marked,
        pair_filter=pair_filter,
        negatives=negatives,
        seed=seed,
        epoch=epoch,
    )
    batch = packed.batch(pairs.head_row_P, pairs.tail_row_P, first_position=extractor.encoder.first_position)
    labels = torch.zeros(len(pairs), data.relations)
    labels[torch.from_numpy(pairs.pair_I), torch.from_numpy(pairs.relation_I)] = 1.0
    labels[:, -1] = (labels.sum(dim=1) == 0).float()
    device = extractor.encoder.precision.device
    return ExtractionBatch(
        documents=documents,
        packed=packed,
        pairs=pairs,
        batch=batch.to(device),
        labels_PR=labels.to(device),
        weight_P=None if data.weight_I is None else _pair_weights(pairs, data.weight_I).to(device),
    )


def _pair_weights(pairs: CandidatePairs, weight_I: Floats) -> Tensor:
    """Returns the largest weight of each pair's labels ``[P]``; 1 for pairs without a label."""
    weight_P = np.full(len(pairs), -1.0, dtype=np.float32)
    np.maximum.at(weight_P, pairs.pair_I, weight_I[pairs.instance_I])
    return torch.from_numpy(np.where(weight_P < 0, np.float32(1.0), weight_P))
