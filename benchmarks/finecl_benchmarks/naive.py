"""Naive implementation of the published algorithm: the baseline for speed and a test oracle for losses and gradients.

Pads documents to 512 tokens, computes vocabulary logits at every token, pools entities by a dense matrix over all
tokens, and selects positives and negatives by a double loop over pairs, as FineCL's release does (``src/stage_2``:
``get_doc_batch`` and ``model.py``). Nothing is slowed down on purpose: forward passes are those of transformers, with
its fastest attention for padded batches.
"""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from finecl.pretraining.step_plan import GroupBatch
from finecl.types import NO_RELATION

_LONGEST = 512
_IGNORED = -100


class NaiveEngine:
    """Runs pre-training steps on a plain ``AutoModelForMaskedLM``.

    ``negatives`` is the maximum number of negatives per anchor, sampled at random; None uses all.
    """

    def __init__(
        self, model: Any, *, temperature: float = 0.05, negatives: int | None = 64, longest: int = _LONGEST
    ) -> None:
        self.model, self.temperature, self.negatives, self.longest = model, temperature, negatives, longest

    def step(self, work: list[GroupBatch], mates: dict[int, list[int]] | None = None) -> dict[str, float]:
        """Accumulates the gradients of one step and returns the mean losses by name.

        ``mates`` sets the positive of each row (by index into ``work``); None samples them.
        """
        totals: dict[str, list[tuple[Tensor, int]]] = {}
        for number, group in enumerate(work):
            entities, mlm, masked = self._encode(group)
            totals.setdefault("mlm", []).append((mlm, masked))
            if "pair" in group.group.units:
                totals.setdefault("relation-discrimination", []).append(
                    self._relations(group, entities, (mates or {}).get(number))
                )
            else:
                totals.setdefault("entity-discrimination", []).append(self._entities(group, entities))
        means = {
            name: torch.stack([total for total, _ in parts]).sum() / max(1, sum(count for _, count in parts))
            for name, parts in totals.items()
        }
        torch.autograd.backward(torch.stack(list(means.values())).sum())
        return {name: float(mean.detach()) for name, mean in means.items()}

    def _encode(self, work: GroupBatch) -> tuple[list[list[Tensor]], Tensor, int]:
        """Returns entity vectors by document, the sum of the MLM loss, and the number of masked tokens."""
        ids, labels, attention = self._padded(work)
        out = self.model(input_ids=ids, attention_mask=attention, labels=labels, output_hidden_states=True)
        masked = int((labels != _IGNORED).sum())
        mapping = self._mapping(work)
        vectors = torch.bmm(mapping, out.hidden_states[-1])
        counts = torch.bincount(torch.from_numpy(work.group.packed.document_V), minlength=len(ids)).tolist()
        return [list(vectors[d, :count]) for d, count in enumerate(counts)], out.loss * masked, masked

    def _padded(self, work: GroupBatch) -> tuple[Tensor, Tensor, Tensor]:
        packed, documents = work.group.packed, len(work.group.packed.lengths)
        ids = torch.full((documents, self.longest), self.model.config.pad_token_id)
        labels, attention = torch.full_like(ids, _IGNORED), torch.zeros_like(ids)
        masked = dict(zip(work.masked.position_I.tolist(), work.masked.label_I.tolist(), strict=True))
        at = 0
        for d, length in enumerate(packed.lengths.tolist()):
            for place in range(length):
                ids[d, place] = int(work.masked.ids_T[at])
                attention[d, place] = 1
                labels[d, place] = masked.get(at, _IGNORED)
                at += 1
        return ids, labels, attention

    def _mapping(self, work: GroupBatch) -> Tensor:
        """Returns the pooling weights of tokens for entities: ``[documents, entities, longest]``, mostly zeros."""
        packed = work.group.packed
        counts = torch.bincount(torch.from_numpy(packed.document_V), minlength=len(packed.lengths))
        mapping = torch.zeros(len(packed.lengths), int(counts.max()), self.longest)
        first = [0]
        for length in packed.lengths.tolist():
            first.append(first[-1] + length)
        seen: dict[int, int] = {}
        bounds = [*packed.offset_V.tolist(), len(packed.member_M)]
        for v, d in enumerate(packed.document_V.tolist()):
            row = seen.get(d, 0)
            seen[d] = row + 1
            for m in range(bounds[v], bounds[v + 1]):
                mapping[d, row, int(packed.member_M[m]) - first[d]] += float(packed.share_M[m])
        return mapping

    def _relations(self, work: GroupBatch, entities: list[list[Tensor]], mates: list[int] | None) -> tuple[Tensor, int]:
        """Computes relation discrimination by a double loop over pairs (FineCL, section 3.3): loss sum and terms."""
        table = work.group.units["pair"].table
        rows = list(
            zip(table.document.tolist(), table.head.tolist(), table.tail.tolist(), table.relation.tolist(), strict=True)
        )
        places = self._places(work)
        x = F.normalize(
            torch.stack([torch.cat([entities[d][places[d, h]], entities[d][places[d, t]]]) for d, h, t, _ in rows]),
            dim=1,
        )
        mates = _mates(rows) if mates is None else mates
        relations_of_pair: dict[tuple[int, int, int], set[int]] = {}
        for d, h, t, r in rows:
            relations_of_pair.setdefault((d, h, t), set()).add(r)
        total, terms = x.new_zeros(()), 0
        similarity = x @ x.T / self.temperature
        weight = table.weight.tolist()
        for i, (d, h, t, r) in enumerate(rows):
            if mates[i] < 0 or _clash(rows[i], rows[mates[i]]):
                continue
            negatives = []
            for j, (dj, hj, tj, _) in enumerate(rows):
                if not _clash((d, h, t, r), rows[j]) and r not in relations_of_pair[dj, hj, tj]:
                    negatives.append(j)
            if self.negatives is not None and len(negatives) > self.negatives:
                negatives = random.sample(negatives, self.negatives)
            if not negatives:
                continue
            positive = similarity[i, mates[i]]
            against = similarity[i, negatives] + torch.tensor([weight[j] for j in negatives]).log()
            total = total - weight[i] * (positive - torch.logsumexp(torch.cat([positive[None], against]), dim=0))
            terms += 1
        return total, terms

    def _entities(self, work: GroupBatch, entities: list[list[Tensor]]) -> tuple[Tensor, int]:
        """Computes entity discrimination by a double loop over entities (ERICA, L_ED): loss sum and terms."""
        query, entity = work.group.units["query"].table, work.group.units["entity"].table
        places = self._places(work)
        total, terms = entities[0][0].new_zeros(()), 0
        for d, h, t, r in zip(
            *(c.tolist() for c in (query.document, query.head, query.tail, query.relation)), strict=True
        ):
            others = []
            for dj, hj, rj in zip(*(c.tolist() for c in (entity.document, entity.head, entity.relation)), strict=True):
                if dj == d and hj not in (h, t) and rj != r:
                    others.append(hj)
            if (d, t) not in places or not others:
                continue
            head, tail = entities[d][places[d, h]], entities[d][places[d, t]]
            against = torch.stack([entities[d][places[d, j]] for j in others])
            positive = F.cosine_similarity(head, tail, dim=0) / self.temperature
            negative = F.cosine_similarity(head[None], against, dim=1) / self.temperature
            total = total - (positive - torch.logsumexp(torch.cat([positive[None], negative]), dim=0))
            terms += 1
        return total, terms

    def _places(self, work: GroupBatch) -> dict[tuple[int, int], int]:
        """Returns the row of each (document, entity) in its document's entity vectors."""
        places: dict[tuple[int, int], int] = {}
        seen: dict[int, int] = {}
        for d, e in zip(work.group.packed.document_V.tolist(), work.group.packed.entity_V.tolist(), strict=True):
            places[d, e] = seen.get(d, 0)
            seen[d] = places[d, e] + 1
        return places


def _clash(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Returns whether two rows of one document share head or tail; such rows are not contrasted."""
    return one[0] == other[0] and (one[1] == other[1] or one[2] == other[2])


def _mates(rows: list[tuple[int, int, int, int]]) -> list[int]:
    """Pairs the rows of each relation at random; returns the partner of each row, -1 for none."""
    by_relation: dict[int, list[int]] = {}
    for i, (_, _, _, r) in enumerate(rows):
        if r != NO_RELATION:
            by_relation.setdefault(r, []).append(i)
    mates = [-1] * len(rows)
    for members in by_relation.values():
        random.shuffle(members)
        for first, second in zip(members[::2], members[1::2], strict=False):
            mates[first], mates[second] = second, first
    return mates
