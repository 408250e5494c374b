"""Stage 3: fine-tuning an extractor on gold labels; the epoch and the threshold are chosen on dev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from finecl.config import FinetuneSettings
from finecl.errors import TrainingError
from finecl.extraction import Labelled, answers, train_epochs
from finecl.metrics import Fact, choose_threshold
from finecl.progress import Listener
from finecl.ragged import pair_key
from finecl.types import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Scores of every relation for every entity pair of some documents; the last column, no-relation, is gone.

    *Shape:* ``document``, ``head``, ``tail`` [P]; ``scores_PR`` [P, relations].
    """

    document: Ints
    head: Ints
    tail: Ints
    scores_PR: Floats

    def correct(self, data: Labelled) -> Bools:
        """Which scores belong to a gold label ``[P, relations]``."""
        found = np.zeros(self.scores_PR.shape, dtype=np.bool_)
        keys = pair_key(self.document, self.head, self.tail)
        order = np.argsort(keys)
        gold = data.instances
        wanted = pair_key(gold.document, gold.head, gold.tail)
        at = np.searchsorted(keys, wanted, sorter=order)
        at = order[np.minimum(at, len(keys) - 1)] if len(keys) else at
        there = keys[at] == wanted if len(keys) else np.zeros(len(wanted), dtype=np.bool_)
        found[at[there], gold.relation[there]] = True
        return found

    def facts(self, threshold: float, titles: Sequence[str], relations: Sequence[str]) -> list[Fact]:
        """The facts that score at least ``threshold``, most certain first."""
        pair, relation = np.nonzero(self.scores_PR >= threshold)
        order = np.argsort(-self.scores_PR[pair, relation], kind="stable")
        return [
            (titles[self.document[p]], int(self.head[p]), int(self.tail[p]), relations[r])
            for p, r in zip(pair[order].tolist(), relation[order].tolist(), strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """The best epoch on dev, its F1 there, and the score from which on a relation is predicted."""

    threshold: float
    dev_f1: float
    epoch: int
    dev_f1_by_epoch: dict[int, float]


def score_pairs(extractor: Any, data: Labelled, *, max_tokens: int) -> Scored:
    """The scores of every ordered entity pair within reach of every document."""
    parts: list[tuple[Ints, Ints, Ints, Floats]] = []
    every = np.arange(len(data.tokens))
    for documents, asked, logits, _ in answers(extractor, data, every, max_tokens=max_tokens, every_pair=True):
        scores = extractor.scores(logits.float()).cpu().numpy()
        parts.append((documents[asked.document_P], asked.head_P, asked.tail_P, scores))
    if not parts:
        raise TrainingError("no document has two entities within the encoder's reach: raise model.max_length")
    document, head, tail, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Scored(document=document, head=head, tail=tail, scores_PR=scores)


def finetune(
    extractor: Any,
    train: Labelled,
    dev: Labelled,
    settings: FinetuneSettings,
    *,
    seed: int,
    stage: str = "finetune",
    listener: Listener | None = None,
) -> Finetuned:
    """Trains an extractor in place and leaves it as it was in its best epoch on dev (plain F1, as in the release).

    Raises:
        TrainingError: there is nothing to learn from, or the loss is not a number.
    """
    if not len(train.instances) or not len(dev.instances):
        raise TrainingError("fine-tuning needs gold labels in both train and dev; check the splits")
    torch.manual_seed(seed)
    best: tuple[float, int, float, dict[str, Any]] | None = None
    by_epoch: dict[int, float] = {}
    documents = np.arange(len(train.tokens))
    for epoch in train_epochs(
        extractor, train, documents, settings, stage=stage, seed=seed, listener=listener or Listener()
    ):
        last = epoch + 1 == settings.num_train_epochs
        if not last and (epoch + 1) % settings.eval_epochs:
            continue
        scored = score_pairs(extractor, dev, max_tokens=settings.max_tokens)
        chosen = choose_threshold(scored.scores_PR.ravel(), scored.correct(dev).ravel(), len(dev.instances))
        by_epoch[epoch + 1] = chosen.f1
        if best is None or chosen.f1 > best[0]:
            state = {name: value.detach().clone() for name, value in extractor.state_dict().items()}
            best = (chosen.f1, epoch + 1, chosen.threshold, state)
    assert best is not None  # the last epoch is always looked at
    extractor.load_state_dict(best[3])
    return Finetuned(threshold=best[2], dev_f1=best[0], epoch=best[1], dev_f1_by_epoch=by_epoch)
