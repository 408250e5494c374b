"""Plans the content of a pre-training step as integers, before encoding; a pure function of seed and step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from finecl.config.schema import PretrainSettings
from finecl.distributed.process_group import Ranks
from finecl.errors import NothingToDrawError
from finecl.numerics.keyed_random import keyed_generator
from finecl.numerics.partition import balance, split_contiguous
from finecl.pretraining.contrast_groups import Group, SilverData, UnitRows, plain_group, queried_group
from finecl.pretraining.mlm_masking import Masked, mask_tokens
from finecl.pretraining.sampling import PairSampler, Sampler, entity_pairs, relation_pairs
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Generator, Ints, Objective, Pairs, Uids, declared

MLM = "mlm"
PLAIN, QUERIED = "plain", "queried"
DOCUMENTS, SENTENCES = 16, 64  # default sizes of contrast groups: the releases of FineCL (row 24) and of CP


def purpose(objective: Objective) -> str:
    """Returns the kind of contrast group that an objective needs."""
    sampling: str = declared(objective, Objective, "sampling")
    if sampling != "documents":
        return sampling
    units = {declared(objective, Objective, side) for side in ("anchors", "candidates")}
    return QUERIED if units & {"query", "entity"} else PLAIN


@dataclass(frozen=True, kw_only=True)
class ObjectiveTerm:
    """The pairs of one objective in one contrast group."""

    name: str
    objective: Objective
    anchors: UnitRows
    candidates: UnitRows
    pairs: Pairs


@dataclass(frozen=True, kw_only=True)
class GroupSpec:
    """The documents of a contrast group, which is number ``number`` of its purpose in a step."""

    purpose: str
    number: int
    documents: Ints


@dataclass(frozen=True, kw_only=True)
class GroupBatch:
    """A contrast group, its masked tokens and its contrastive terms.

    ``own`` are the documents of the group that this rank encodes. In a ``shared`` group other ranks encode the rest,
    and each rank contrasts all of them.
    """

    group: Group
    masked: Masked
    terms: Sequence[ObjectiveTerm]
    own: Ints
    shared: bool = False

    @property
    def own_masked(self) -> int:
        """Number of masked tokens in the documents that this rank encodes."""
        lengths = self.group.packed.lengths
        document_I = np.searchsorted(np.cumsum(lengths), self.masked.position_I, side="right")
        return int(np.isin(document_I, self.own).sum()) if self.shared else len(document_I)

    @property
    def uids(self) -> Uids:
        """The instances of the group."""
        columns = [rows.table.uid for rows in self.group.units.values()]
        uids: Uids = np.concatenate(columns) if columns else np.zeros(0, dtype=np.uint64)
        return uids[uids > 0]


@dataclass(frozen=True, kw_only=True)
class PretrainingTask:
    """All that a pre-training step depends on, except the encoder's weights.

    ``objectives`` and ``coefficients`` are by name; the latter also holds ``mlm``.
    """

    silver: SilverData
    tokenizer: DocumentTokenizer
    settings: PretrainSettings
    objectives: Mapping[str, Objective]
    coefficients: Mapping[str, float]
    seed: int

    @cached_property
    def _samplers(self) -> dict[str, Sampler | PairSampler]:
        """One sampler per purpose of the objectives; without objectives, one of plain documents."""
        purposes = {purpose(o) for o in self.objectives.values()} or {PLAIN}
        makers: dict[str, Callable[[], Sampler | PairSampler]] = {
            PLAIN: lambda: self._sampler(PLAIN, np.arange(len(self.silver.tokens))),
            QUERIED: lambda: self._sampler(QUERIED, np.unique(self.silver.instances.document[self.silver.usable])),
            "relation-pairs": self._relation_pairs,
            "entity-pairs": self._entity_pairs,
        }
        return {name: make() for name, make in makers.items() if name in purposes}

    def _sampler(self, purpose: str, documents: Ints) -> Sampler:
        grouped = self.settings.train_sampling_strategy == "group_by_length"
        lengths = self.silver.tokens.lengths[documents] if grouped else None
        size = self.settings.batch_size
        return Sampler(documents=documents, batch_size=size, seed=self.seed, purpose=purpose, lengths=lengths)

    def _relation_pairs(self) -> PairSampler:
        instances, numbers = self.silver.instances, np.flatnonzero(self.silver.usable)
        needed = "relations with at least two instances of a weight above 0"
        return self._pair_sampler("relation-pairs", partial(relation_pairs, instances, numbers), needed)

    def _entity_pairs(self) -> PairSampler:
        instances, silver = self.silver.instances, self.silver
        numbers = np.flatnonzero(silver.usable)
        _, first_of_pair = np.unique(instances.pair[numbers], return_index=True)
        distinct = numbers[first_of_pair]
        document = instances.document[distinct]
        head, tail = silver.key(document, instances.head[distinct]), silver.key(document, instances.tail[distinct])
        pairs = partial(entity_pairs, document, head, tail, self.settings.sentences_a_pair)
        return self._pair_sampler("entity-pairs", pairs, "entity pairs that occur in at least two sentences")

    def _pair_sampler(self, purpose: str, pairs: Callable[[Generator], Ints], needed: str) -> PairSampler:
        sampler = PairSampler(epoch_pairs=pairs, batch_size=self.settings.batch_size, seed=self.seed, purpose=purpose)
        if not len(sampler.step(0)):
            raise NothingToDrawError(f"pretrain: the objective needs {needed}; found none; add silver data")
        return sampler

    def group_specs(self, step: int) -> list[GroupSpec]:
        """Returns the contrast groups of a step."""
        groups = []
        for purpose, sampler in self._samplers.items():
            documents = sampler.step(step)
            size = self._group_size(len(documents), paired=isinstance(sampler, PairSampler))
            for number, begin in enumerate(range(0, len(documents), size)):
                members = np.unique(documents[begin : begin + size])
                groups.append(GroupSpec(purpose=purpose, number=number, documents=members))
        return groups

    def _group_size(self, documents: int, *, paired: bool) -> int:
        group = self.settings.contrast_group
        if group is None:
            group = SENTENCES if self.silver.tokens.marked else DOCUMENTS
        size = group if isinstance(group, int) else max(1, documents)
        return max(2, size // 2 * 2) if paired else size

    def group_batches(self, step: int, ranks: Ranks | None = None) -> list[GroupBatch]:
        """Returns the groups of a step that this rank works on.

        Whole groups are distributed over the ranks. With fewer than two groups per rank, all ranks share every group.
        """
        ranks = ranks or Ranks()
        specs = self.group_specs(step)
        lengths = [self.silver.tokens.lengths[spec.documents] for spec in specs]
        if ranks.size > 1 and len(specs) < 2 * ranks.size:
            parts = [split_contiguous(length, ranks.size)[ranks.rank] for length in lengths]
            return [self._batch(spec, step, own, shared=True) for spec, own in zip(specs, parts, strict=True)]
        numbers = balance(np.array([length.sum() for length in lengths], dtype=np.int64), ranks.size)[ranks.rank]
        return [self._batch(specs[i], step, np.arange(len(specs[i].documents))) for i in numbers.tolist()]

    def _batch(self, spec: GroupSpec, step: int, own: Ints, *, shared: bool = False) -> GroupBatch:
        documents = spec.documents
        if spec.purpose != QUERIED:
            pairs = self.settings.no_relation_pairs
            group = plain_group(
                self.silver, documents, self.tokenizer, no_relation_pairs=pairs, seed=self.seed, step=step
            )
        else:
            group = queried_group(self.silver, documents, self.tokenizer, seed=self.seed, step=step)
        masked = mask_tokens(
            group.packed, documents, self.settings.mlm_probability, self.tokenizer, seed=self.seed, step=step
        )
        terms = [
            self._term(name, group, step, spec.number)
            for name, o in self.objectives.items()
            if purpose(o) == spec.purpose
        ]
        return GroupBatch(group=group, masked=masked, terms=terms, own=own, shared=shared)

    def _term(self, name: str, group: Group, step: int, number: int) -> ObjectiveTerm:
        objective = self.objectives[name]
        anchors, candidates = (group.units[declared(objective, Objective, s)] for s in ("anchors", "candidates"))
        pairs = objective.pairs(anchors.table, candidates.table, keyed_generator(self.seed, name, step, number))
        return ObjectiveTerm(name=name, objective=objective, anchors=anchors, candidates=candidates, pairs=pairs)


def count_terms(batches: Sequence[GroupBatch], ranks: Ranks | None = None) -> dict[str, int]:
    """Returns this rank's number of terms of each loss; the main rank counts the terms of shared groups."""
    ranks = ranks or Ranks()
    counts = {MLM: sum(batch.own_masked for batch in batches)}
    for batch in batches:
        for term in batch.terms:
            terms = term.pairs.terms if ranks.main or not batch.shared else 0
            counts[term.name] = counts.get(term.name, 0) + terms
    return counts
