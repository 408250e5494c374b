"""A pre-training step as micro-batches of bounded size (Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size
under Memory Limited Setup").

A contrast group that fits is encoded and contrasted in one pass (``in_memory``). A group that does not fit, or that
several ranks share, is encoded twice (``cached``): first without gradients, to contrast all its entities together and
to store the gradient of each entity vector; then micro-batch by micro-batch with gradients, where the loss is the inner
product with the stored gradients. Both times a micro-batch has the same random state, so dropout is the same. Memory
grows by the entity vectors only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from finecl.numerics.partition import pack_to_budget, split_contiguous
from finecl.pretraining.contrast_groups import UnitRows
from finecl.pretraining.micro_batch import MicroBatch, StepEncoder
from finecl.pretraining.mlm_masking import Masked
from finecl.pretraining.step_plan import MLM, GroupBatch
from finecl.tokens.packing import join

Loss: TypeAlias = Callable[[Tensor], Tensor]
"""The scaled contrastive loss of a micro-batch, from its entity vectors ``[V, H]``."""


@dataclass(kw_only=True)
class StepLosses:
    """The losses of a step: each is coefficient * sum over terms / number of terms of the whole step.

    ``counts`` are the numbers of terms of all ranks, ``scale`` is coefficient / count; ``parts`` collects this rank's
    share of each mean.
    """

    counts: Mapping[str, float]
    scale: Mapping[str, float]
    parts: dict[str, list[Tensor]] = field(default_factory=dict)

    def contrast(self, batch: GroupBatch, entities_VH: Tensor, *, counted: bool = True) -> Tensor:
        """Returns the scaled contrastive losses of a whole group; ``counted`` adds them to the means."""
        total = entities_VH.new_zeros(())
        for term in batch.terms:
            if not self.counts[term.name]:
                continue
            x_AH = _represent(entities_VH, term.anchors)
            # Equal rows are represented once: those of 768 documents take a tenth of a gigabyte.
            y_CH = x_AH if term.candidates is term.anchors else _represent(entities_VH, term.candidates)
            loss = term.objective.loss(x_AH, y_CH, term.pairs, term.anchors.table, term.candidates.table).total
            if counted:
                self._add(term.name, loss)
            total = total + self.scale[term.name] * loss
        return total

    def mlm(self, loss: Tensor) -> Tensor:
        """Returns the scaled MLM loss of a micro-batch and adds it to the means."""
        if self.counts[MLM]:
            self._add(MLM, loss)
        return self.scale[MLM] * loss

    def _add(self, name: str, loss: Tensor) -> None:
        self.parts.setdefault(name, []).append(loss.detach() / self.counts[name])


def micro_batches(
    batches: Sequence[GroupBatch], encode: StepEncoder, losses: StepLosses
) -> Iterator[tuple[MicroBatch, Loss]]:
    """Yields the micro-batches of this rank, each with its loss: first groups that fit, then those that do not."""
    fits = [not batch.shared and len(batch.group.packed.ids_T) <= encode.max_tokens for batch in batches]
    yield from in_memory([b for b, fit in zip(batches, fits, strict=True) if fit], losses, encode.max_tokens)
    for batch in (b for b, fit in zip(batches, fits, strict=True) if not fit):
        yield from cached(batch, encode, losses)


def in_memory(batches: Sequence[GroupBatch], losses: StepLosses, max_tokens: int) -> Iterator[tuple[MicroBatch, Loss]]:
    """Yields whole groups, several per micro-batch, with the loss of all their objectives."""
    lengths = np.array([len(batch.group.packed.ids_T) for batch in batches], dtype=np.int64)
    for numbers in pack_to_budget(lengths, max_tokens):
        together = [batches[number] for number in numbers.tolist()]
        micro_batch = MicroBatch(
            packed=join([batch.group.packed for batch in together]),
            masked=Masked.join([batch.masked for batch in together]),
            document=int(together[0].group.documents[0]),
            uids=np.concatenate([batch.uids for batch in together]),
        )
        yield micro_batch, partial(_contrast_each, together, losses)


def cached(batch: GroupBatch, encode: StepEncoder, losses: StepLosses) -> Iterator[tuple[MicroBatch, Loss]]:
    """Yields a group in pieces, each with the inner product of its entity vectors and their stored gradients."""
    pieces = list(_pieces(batch, encode.max_tokens))
    gradient_VH = _entity_gradients(batch, pieces, encode, losses)
    first = int(np.searchsorted(batch.group.packed.document_V, batch.own[0])) if len(batch.own) else 0
    for piece in pieces:
        own_VH = gradient_VH[first : first + len(piece.packed.key_V)]
        yield piece, partial(_inner_product, own_VH)
        first += len(piece.packed.key_V)


def idle(batch: GroupBatch) -> tuple[MicroBatch, Loss]:
    """Returns a micro-batch of one document that adds nothing, for a rank that must take part without own work."""
    piece = next(_pieces(replace(batch, own=np.zeros(1, dtype=np.int64)), 1))
    none = np.zeros(0, dtype=np.int64)
    return replace(piece, masked=replace(piece.masked, position_I=none, label_I=none)), _nothing


def _entity_gradients(
    batch: GroupBatch, pieces: Sequence[MicroBatch], encode: StepEncoder, losses: StepLosses
) -> Tensor:
    """Contrasts all entities of a group and returns the gradient of each entity vector ``[V, H]``."""
    entities_VH = _entities_of_all_ranks(batch, _encode_pieces(batch, pieces, encode), encode)
    entities_VH.requires_grad_()
    loss = losses.contrast(batch, entities_VH, counted=encode.model.ranks.main or not batch.shared)
    if not loss.requires_grad:
        return torch.zeros_like(entities_VH)
    (gradient_VH,) = torch.autograd.grad(loss, entities_VH, allow_unused=True)
    return torch.zeros_like(entities_VH) if gradient_VH is None else gradient_VH


def _encode_pieces(batch: GroupBatch, pieces: Sequence[MicroBatch], encode: StepEncoder) -> Tensor:
    """Returns the entity vectors of this rank's pieces, without gradients."""
    vectors = []
    for number in range(encode.model.passes(len(pieces), gradients=False)):
        piece = pieces[min(number, len(pieces) - 1)] if pieces else idle(batch)[0]
        entities_VH = encode.without_gradients(piece)
        encode.end_pass(number, len(pieces))
        vectors += [entities_VH] if number < len(pieces) else []
    empty = torch.zeros(0, encode.encoder.hidden_size, device=encode.encoder.precision.device)
    return torch.cat(vectors) if vectors else empty


def _entities_of_all_ranks(batch: GroupBatch, local_VH: Tensor, encode: StepEncoder) -> Tensor:
    """Returns the entity vectors of a whole group; the other ranks encode the rest of a shared one."""
    if not batch.shared:
        return local_VH
    ranks, packed = encode.model.ranks, batch.group.packed
    owners = split_contiguous(packed.lengths, ranks.size)
    return ranks.rows(local_VH, [int(np.isin(packed.document_V, owner).sum()) for owner in owners])


def _pieces(batch: GroupBatch, max_tokens: int) -> Iterator[MicroBatch]:
    """Yields this rank's documents of a group in pieces of at most ``max_tokens`` tokens."""
    packed, first_T = batch.group.packed, np.concatenate([[0], np.cumsum(batch.group.packed.lengths)])
    for run in pack_to_budget(packed.lengths[batch.own], max_tokens):
        begin, end = int(batch.own[run[0]]), int(batch.own[run[-1]]) + 1
        yield MicroBatch(
            packed=packed.part(begin, end),
            masked=batch.masked.part(int(first_T[begin]), int(first_T[end])),
            document=int(batch.group.documents[begin]),
            uids=batch.uids,
        )


def _contrast_each(batches: Sequence[GroupBatch], losses: StepLosses, entities_VH: Tensor) -> Tensor:
    sizes = [len(batch.group.packed.key_V) for batch in batches]
    parts = zip(batches, torch.split(entities_VH, sizes), strict=True)
    return torch.stack([losses.contrast(batch, part_VH) for batch, part_VH in parts]).sum()


def _inner_product(gradient_VH: Tensor, entities_VH: Tensor) -> Tensor:
    """Returns a scalar whose gradient with respect to the entity vectors is ``gradient_VH``."""
    return (entities_VH * gradient_VH).sum()


def _nothing(entities_VH: Tensor) -> Tensor:
    return entities_VH.sum() * 0.0


def _represent(entities_VH: Tensor, rows: UnitRows) -> Tensor:
    """Returns the rows of a unit: an entity, or head and tail concatenated (paper, section 3.2: r = [e_1; e_2]).

    ``F.embedding`` sums the gradients of a row that is selected often in one order; an index does so in any.
    """
    parts = [F.embedding(torch.from_numpy(r).to(entities_VH.device), entities_VH) for r in rows.entity_rows]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
