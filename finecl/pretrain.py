"""Stage 2: contrastive pre-training of an encoder on weighted silver labels, with masked language modelling.

A step's loss is sum over objectives of coefficient * (sum over terms / number of terms in the whole step): the
terms are counted from integers before anything is encoded, so it does not matter how the step is cut into passes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from finecl.batch import Masked, mask_tokens
from finecl.config import PretrainSettings
from finecl.draws import generator
from finecl.encoder import Encoder
from finecl.errors import TrainingError
from finecl.groups import Group, Rows, Silver, plain_group, queried_group
from finecl.optimization import Optimization, check_finite
from finecl.progress import Listener
from finecl.sampling import Sampler
from finecl.text import Reader
from finecl.types import Ints, Objective, Pairs, Uids

MLM = "mlm"
_PATIENCE = 20  # steps after which an objective that never had a term is reported


@dataclass(frozen=True, kw_only=True)
class Term:
    """One objective's pairs in one group."""

    name: str
    objective: Objective
    anchors: Rows
    candidates: Rows
    pairs: Pairs


@dataclass(frozen=True, kw_only=True)
class Work:
    """One encoder pass: a group, its masked tokens and its contrastive terms."""

    group: Group
    masked: Masked
    terms: Sequence[Term]


@dataclass(kw_only=True)
class PretrainLog:
    """What pre-training did: losses a step (None where there were no terms), real tokens, seconds."""

    losses: dict[str, list[float | None]] = field(default_factory=dict)
    tokens: int = 0
    collate_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """All that a pre-training step depends on, besides the encoder's weights.

    ``objectives`` and ``coefficients`` are by name; the latter also holds ``mlm``.
    """

    silver: Silver
    reader: Reader
    settings: PretrainSettings
    objectives: Mapping[str, Objective]
    coefficients: Mapping[str, float]
    seed: int

    def work(self, step: int) -> Iterator[Work]:
        """The passes of a step, from integers only: a pure function of the seed and the step."""
        views = {view for o in self.objectives.values() for view in (o.anchors, o.candidates)}
        if "pair" in views or not views:
            yield from self._stream("plain", np.arange(len(self.silver.tokens)), step)
        if views & {"query", "entity"}:
            askable = np.unique(self.silver.instances.document[self.silver.askable])
            yield from self._stream("queried", askable, step)

    def _stream(self, purpose: str, documents: Ints, step: int) -> Iterator[Work]:
        sampler = Sampler(documents=documents, batch_size=self.settings.batch_size, seed=self.seed, purpose=purpose)
        drawn = sampler.step(step)
        size = self.settings.contrast_group
        for number in range(-(-len(drawn) // size)):
            yield self._work(purpose, np.sort(drawn[number * size : (number + 1) * size]), step, number)

    def _work(self, purpose: str, documents: Ints, step: int, number: int) -> Work:
        if purpose == "plain":
            pairs = self.settings.no_relation_pairs
            group = plain_group(self.silver, documents, no_relation_pairs=pairs, seed=self.seed, step=step)
        else:
            group = queried_group(self.silver, documents, self.reader, seed=self.seed, step=step)
        masked = mask_tokens(
            group.packed, documents, self.settings.mlm_probability, self.reader, seed=self.seed, step=step
        )
        terms = [
            self._term(name, group, step, number) for name, o in self.objectives.items() if o.anchors in group.views
        ]
        return Work(group=group, masked=masked, terms=terms)

    def _term(self, name: str, group: Group, step: int, number: int) -> Term:
        objective = self.objectives[name]
        anchors, candidates = group.views[objective.anchors], group.views[objective.candidates]
        pairs = objective.pairs(anchors.table, candidates.table, generator(self.seed, name, step, number))
        return Term(name=name, objective=objective, anchors=anchors, candidates=candidates, pairs=pairs)


def pretrain(encoder: Encoder, run: Pretraining, listener: Listener | None = None) -> PretrainLog:
    """Trains the encoder in place for ``max_steps`` steps.

    Raises:
        TrainingError: an objective finds no positive pair, or the loss is not a number.
    """
    listener, log = listener or Listener(), PretrainLog()
    optimization = Optimization(encoder, run.settings, run.settings.max_steps)
    torch.manual_seed(run.seed)
    encoder.train()
    listener.begin("pretrain", run.settings.max_steps, "steps")
    began = time.perf_counter()
    for step in range(run.settings.max_steps):
        collating = time.perf_counter()
        work = list(run.work(step))
        log.collate_seconds += time.perf_counter() - collating
        losses = train_step(encoder, run, work)
        optimization.step()
        log.tokens += sum(len(w.group.packed.ids_T) for w in work)
        for name in (*run.objectives, MLM):
            log.losses.setdefault(name, []).append(losses.get(name))
        if step + 1 == min(_PATIENCE, run.settings.max_steps):
            _check_terms(log, run)
        log.seconds = time.perf_counter() - began
        listener.advance(1, f"{_figures(losses)}  {log.tokens / log.seconds:,.0f} tokens/s")
    return log


def count_terms(work: Sequence[Work]) -> dict[str, int]:
    """How many terms each loss sums over a step."""
    counts = {MLM: sum(len(w.masked.label_I) for w in work)}
    for term in (term for w in work for term in w.terms):
        counts[term.name] = counts.get(term.name, 0) + term.pairs.terms
    return counts


def train_step(encoder: Encoder, run: Pretraining, work: Sequence[Work]) -> dict[str, float]:
    """Adds a step's gradients; returns the mean loss of each part that had terms."""
    counts = count_terms(work)
    losses: dict[str, float] = {}
    for w in work:
        parts = {name: total / counts[name] for name, total in _losses(encoder, w).items() if counts[name]}
        if not parts:
            continue
        loss = torch.stack([run.coefficients[name] * part for name, part in parts.items()]).sum()
        check_finite(loss, "pretrain", _uids(w))
        torch.autograd.backward(loss)
        for name, part in parts.items():
            losses[name] = losses.get(name, 0.0) + float(part.detach())
    return losses


def _losses(encoder: Encoder, work: Work) -> dict[str, Tensor]:
    """The summed losses of one pass, by name."""
    nobody = np.zeros(0, dtype=np.int64)
    device = encoder.precision.device
    packed = work.group.packed
    batch = packed.batch(nobody, nobody, first_position=encoder.first_position, ids_T=work.masked.ids_T).to(device)
    states_TH = encoder(batch)
    entities_VH = encoder.entities(states_TH, batch)
    position_I, label_I = (torch.from_numpy(a).to(device) for a in (work.masked.position_I, work.masked.label_I))
    totals = {MLM: encoder.mlm_loss(states_TH, position_I, label_I).total}
    for term in work.terms:
        x_AH, y_CH = (_represent(entities_VH, rows) for rows in (term.anchors, term.candidates))
        loss = term.objective.loss(x_AH, y_CH, term.pairs, term.anchors.table, term.candidates.table)
        totals[term.name] = totals.get(term.name, loss.total.new_zeros(())) + loss.total
    return totals


def _represent(entities_VH: Tensor, rows: Rows) -> Tensor:
    """One row of a view: an entity, or head and tail side by side (paper, section 3.2: r = [e_1; e_2])."""
    parts = [entities_VH[torch.from_numpy(r).to(entities_VH.device)] for r in rows.entity_rows]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _uids(work: Work) -> Uids:
    found = [rows.table.uid for rows in work.group.views.values()]
    uids: Uids = np.concatenate(found) if found else np.zeros(0, dtype=np.uint64)
    return uids[uids > 0]


def _check_terms(log: PretrainLog, run: Pretraining) -> None:
    for name in run.objectives:
        if all(value is None for value in log.losses[name]):
            raise TrainingError(
                f"pretrain: '{name}' found no positive pair in {len(log.losses[name])} steps: no relation stands twice "
                f"in a contrast group of {run.settings.contrast_group} documents, or every weight is 0; "
                f"raise pretrain.contrast_group or give more silver documents"
            )


def _figures(losses: Mapping[str, float]) -> str:
    return "  ".join(
        f"{''.join(w[0] for w in name.split('-')) if '-' in name else name} {v:.2f}" for name, v in losses.items()
    )
