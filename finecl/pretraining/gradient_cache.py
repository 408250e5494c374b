"""A pre-training step as encoder passes of bounded size (Gao et al. 2021, "Scaling Deep Contrastive Learning Batch
Size under Memory Limited Setup").

Groups that fit are encoded and contrasted in one pass. A group that does not fit, or that is shared by several
ranks, is encoded twice: first without gradients, to contrast all its entities at once and to keep the gradient of
each entity's vector; then pass by pass with gradients, where the loss is the product with the kept ones. Both times
the random state of a pass is the same, so dropout is too. Memory grows by the entities' vectors only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.distributed.parallel import Parallel
from finecl.models.cpu import trim_heap
from finecl.models.encoder import Encoder
from finecl.numerics.partition import pack_to_budget, split_contiguous
from finecl.pretraining.contrast_groups import UnitRows
from finecl.pretraining.mlm_masking import Masked
from finecl.pretraining.step_plan import GroupBatch
from finecl.tokens.packing import Packed, join
from finecl.training.checkpointing import seed_pass
from finecl.types import Batch, Ints, Uids

_MANY, _TIDY = 8, 2  # steps of more passes than this tidy up memory, after every so many of them


class PretrainingModel(nn.Module):
    """What a pass of pre-training computes, as one forward pass: entity vectors ``[V, H]`` and the summed MLM loss.

    Without positions the language-modelling head is left out.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, batch: Batch, position_I: Tensor | None = None, label_I: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Entity vectors and MLM loss."""
        states_TH = self.encoder(batch)
        entities_VH = self.encoder.entities(states_TH, batch)
        if position_I is None or label_I is None:
            return entities_VH, entities_VH.new_zeros(())
        return entities_VH, self.encoder.mlm_loss(states_TH, position_I, label_I).total


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """One forward and backward pass: some documents, and what their entity vectors add to the loss.

    ``document`` is the number of the first one in the corpus, the key of the pass's random state.
    """

    packed: Packed
    masked: Masked
    document: int
    uids: Uids
    loss: Callable[[Tensor], Tensor]

    def idle(self) -> MicroBatch:
        """The same pass adding nothing: for a rank that must take part without work of its own."""
        nothing = np.zeros(0, dtype=np.int64)
        masked = replace(self.masked, position_I=nothing, label_I=nothing)
        return replace(self, masked=masked, loss=lambda entities_VH: entities_VH.sum() * 0.0)


@dataclass(kw_only=True)
class GradientCacheStep:
    """A step in the making. ``scale`` is coefficient / number of terms, by loss; ``parts`` collects their means.

    ``moment`` is (seed, step).
    """

    model: Parallel
    scale: Mapping[str, float]
    counts: Mapping[str, float]
    moment: tuple[int, int]
    max_tokens: int
    parts: dict[str, list[Tensor]]

    @property
    def encoder(self) -> Encoder:
        """The encoder that is trained."""
        encoder = self.model.module.encoder
        assert isinstance(encoder, Encoder)
        return encoder

    def micro_batches(self, work: Sequence[GroupBatch]) -> list[MicroBatch]:
        """The passes of this rank; groups that need it are encoded once already, and their gradients kept."""
        fits = [not w.shared and len(w.group.packed.ids_T) <= self.max_tokens for w in work]
        small = [w for w, fit in zip(work, fits, strict=True) if fit]
        lengths = np.array([len(w.group.packed.ids_T) for w in small], dtype=np.int64)
        found = [self._together([small[i] for i in run.tolist()]) for run in pack_to_budget(lengths, self.max_tokens)]
        for w in (w for w, fit in zip(work, fits, strict=True) if not fit):
            found += self._cached(w)
        return found

    def encode(self, one: MicroBatch, *, last: bool) -> tuple[Tensor, Tensor]:
        """Entity vectors and MLM loss of a pass, with gradients."""
        position_I, label_I = (self._there(a) for a in (one.masked.position_I, one.masked.label_I))
        self._seed(one)
        entities_VH, mlm = self.model(self._batch(one), position_I, label_I, last=last)
        return entities_VH, mlm

    def contrast(self, work: GroupBatch, entities_VH: Tensor, *, counted: bool = True) -> Tensor:
        """The scaled contrastive losses of a whole group."""
        total = entities_VH.new_zeros(())
        for term in work.terms:
            if not self.counts[term.name]:
                continue
            x_AH = _represent(entities_VH, term.anchors)
            # The same rows are made once: of 768 documents they take a tenth of a gigabyte, and as much several times.
            y_CH = x_AH if term.candidates is term.anchors else _represent(entities_VH, term.candidates)
            loss = term.objective.loss(x_AH, y_CH, term.pairs, term.anchors.table, term.candidates.table).total
            if counted:
                self.parts.setdefault(term.name, []).append(loss.detach() / self.counts[term.name])
            total = total + self.scale[term.name] * loss
        return total

    def passed(self, number: int, of: int) -> None:
        """To be told of each pass of a step: on CPUs, memory is tidied up where there are many."""
        if of > _MANY and number % _TIDY == _TIDY - 1 and self.encoder.precision.device == "cpu":
            trim_heap()

    def _together(self, work: Sequence[GroupBatch]) -> MicroBatch:
        """Whole groups, one behind the other."""
        packed = join([w.group.packed for w in work])
        sizes = [len(w.group.packed.key_V) for w in work]

        def loss(entities_VH: Tensor) -> Tensor:
            parts = zip(work, torch.split(entities_VH, sizes), strict=True)
            return torch.stack([self.contrast(w, part_VH) for w, part_VH in parts]).sum()

        return MicroBatch(
            packed=packed,
            masked=Masked.join([w.masked for w in work]),
            document=int(work[0].group.documents[0]),
            uids=np.concatenate([w.uids for w in work]),
            loss=loss,
        )

    def _cached(self, work: GroupBatch) -> list[MicroBatch]:
        """A group cut into passes, each with the gradient of its entities' vectors."""
        pieces = list(_pieces(work, self.max_tokens))
        local_VH = self._embed(pieces, work)
        ranks = self.model.ranks
        if work.shared:
            owners = split_contiguous(work.group.packed.lengths, ranks.size)
            whole_VH = ranks.rows(local_VH, [int(np.isin(work.group.packed.document_V, o).sum()) for o in owners])
        else:
            whole_VH = local_VH
        whole_VH.requires_grad_()
        loss = self.contrast(work, whole_VH, counted=ranks.main or not work.shared)
        (gradient_VH,) = torch.autograd.grad(loss, whole_VH, allow_unused=True) if loss.requires_grad else (None,)
        if gradient_VH is None:
            gradient_VH = torch.zeros_like(whole_VH)
        found = []
        first = int(np.searchsorted(work.group.packed.document_V, work.own[0])) if len(work.own) else 0
        for piece in pieces:
            kept_VH = gradient_VH[first : first + len(piece.packed.key_V)]
            found.append(replace(piece, loss=partial(_product, kept_VH)))
            first += len(piece.packed.key_V)
        return found

    def _embed(self, pieces: Sequence[MicroBatch], work: GroupBatch) -> Tensor:
        """The entity vectors of some passes, without gradients."""
        found = []
        for number in range(self.model.passes(len(pieces), gradients=False)):
            one = pieces[min(number, len(pieces) - 1)] if pieces else _any_pass(work)
            self._seed(one)
            with torch.no_grad():
                entities_VH, _ = self.model.module(self._batch(one))
            self.passed(number, len(pieces))
            found += [entities_VH] if number < len(pieces) else []
        width = self.encoder.hidden_size
        return torch.cat(found) if found else torch.zeros(0, width, device=self.encoder.precision.device)

    def _batch(self, one: MicroBatch) -> Batch:
        nobody = np.zeros(0, dtype=np.int64)
        batch = one.packed.batch(nobody, nobody, first_position=self.encoder.first_position, ids_T=one.masked.ids_T)
        return batch.to(self.encoder.precision.device)

    def _there(self, numbers: Ints) -> Tensor:
        return torch.from_numpy(numbers).to(self.encoder.precision.device)

    def _seed(self, one: MicroBatch) -> None:
        seed, step = self.moment
        seed_pass(seed, "pretrain", step, one.document)


def _pieces(work: GroupBatch, max_tokens: int) -> Iterator[MicroBatch]:
    """The documents of a group that this rank encodes, as passes of at most ``max_tokens`` tokens."""
    packed, first_T = work.group.packed, np.concatenate([[0], np.cumsum(work.group.packed.lengths)])
    for run in pack_to_budget(packed.lengths[work.own], max_tokens):
        begin, end = int(work.own[run[0]]), int(work.own[run[-1]]) + 1
        yield MicroBatch(
            packed=packed.part(begin, end),
            masked=work.masked.part(int(first_T[begin]), int(first_T[end])),
            document=int(work.group.documents[begin]),
            uids=work.uids,
            loss=lambda entities_VH: entities_VH.sum() * 0.0,
        )


def _any_pass(work: GroupBatch) -> MicroBatch:
    """A pass of one document, for a rank that has none of its own."""
    return next(_pieces(replace(work, own=np.zeros(1, dtype=np.int64)), 1)).idle()


def _product(kept_VH: Tensor, entities_VH: Tensor) -> Tensor:
    """A scalar whose gradient at the entities' vectors is ``kept_VH``."""
    return (entities_VH * kept_VH).sum()


def _represent(entities_VH: Tensor, rows: UnitRows) -> Tensor:
    """One row of a view: an entity, or head and tail side by side (paper, section 3.2: r = [e_1; e_2]).

    ``F.embedding`` sums the gradients of a row that is picked often in one order; an index does so in any.
    """
    parts = [F.embedding(torch.from_numpy(r).to(entities_VH.device), entities_VH) for r in rows.entity_rows]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def idle_micro_batch(work: Sequence[GroupBatch]) -> MicroBatch:
    """A pass that adds nothing, of documents of this step."""
    return _any_pass(work[0])
