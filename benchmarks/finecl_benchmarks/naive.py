"""The published algorithm written plainly, as a yardstick for speed and an oracle for numbers.

Documents are padded to 512 tokens, the vocabulary is scored at every token, entities are pooled by a dense mapping
of every pair over every token, and positives and negatives are found by a double loop over pairs (FineCL's release,
``src/stage_2``: facts of its ``get_doc_batch`` and ``model.py``). Nothing is made slow on purpose: forward passes
are transformers' own, with its fastest attention for padded batches.
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
    """One step at a time on a plain ``AutoModelForMaskedLM``.

    ``negatives``: at most so many an anchor, drawn at random; None: all.
    """

    def __init__(
        self, model: Any, *, temperature: float = 0.05, negatives: int | None = 64, longest: int = _LONGEST
    ) -> None:
        self.model, self.temperature, self.negatives, self.longest = model, temperature, negatives, longest

    def step(self, work: list[GroupBatch], mates: dict[int, list[int]] | None = None) -> dict[str, float]:
        """Adds a step's gradients; returns mean losses. ``mates`` are the positives by work, if not to be drawn."""
        totals: dict[str, list[tuple[Tensor, int]]] = {}
        for number, one in enumerate(work):
            entities, mlm, masked = self._encode(one)
            totals.setdefault("mlm", []).append((mlm, masked))
            if "pair" in one.group.units:
                totals.setdefault("relation-discrimination", []).append(
                    self._relations(one, entities, (mates or {}).get(number))
                )
            else:
                totals.setdefault("entity-discrimination", []).append(self._entities(one, entities))
        means = {
            name: torch.stack([total for total, _ in parts]).sum() / max(1, sum(count for _, count in parts))
            for name, parts in totals.items()
        }
        torch.autograd.backward(torch.stack(list(means.values())).sum())
        return {name: float(mean.detach()) for name, mean in means.items()}

    def _encode(self, work: GroupBatch) -> tuple[list[list[Tensor]], Tensor, int]:
        """Entity vectors by document, the MLM loss over all tokens, and the number of masked ones."""
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
        """How much each token counts for each entity: ``[documents, entities, longest]``, nearly all zeros."""
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
        """Relation discrimination by a double loop over pairs (FineCL, section 3.3)."""
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
        carried: dict[tuple[int, int, int], set[int]] = {}
        for d, h, t, r in rows:
            carried.setdefault((d, h, t), set()).add(r)
        total, terms = x.new_zeros(()), 0
        similarity = x @ x.T / self.temperature
        weight = table.weight.tolist()
        for i, (d, h, t, r) in enumerate(rows):
            if mates[i] < 0 or _clash(rows[i], rows[mates[i]]):
                continue
            negatives = []
            for j, (dj, hj, tj, _) in enumerate(rows):
                if not _clash((d, h, t, r), rows[j]) and r not in carried[dj, hj, tj]:
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
        """Entity discrimination by a double loop over queries and entities (ERICA, L_ED)."""
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
        """Which row of its document's vectors each entity has."""
        found: dict[tuple[int, int], int] = {}
        seen: dict[int, int] = {}
        for d, e in zip(work.group.packed.document_V.tolist(), work.group.packed.entity_V.tolist(), strict=True):
            found[d, e] = seen.get(d, 0)
            seen[d] = found[d, e] + 1
        return found


def _clash(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Rows of one document that share their head or their tail are not contrasted."""
    return one[0] == other[0] and (one[1] == other[1] or one[2] == other[2])


def _mates(rows: list[tuple[int, int, int, int]]) -> list[int]:
    """The rows of each relation, shuffled and paired; -1 for one left alone."""
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
