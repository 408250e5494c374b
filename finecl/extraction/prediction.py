"""Logits, scores and vectors of entity pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.distributed.process_group import current
from finecl.errors import TrainingError
from finecl.extraction.examples import ExtractionDataset, extraction_batch
from finecl.metrics import Fact
from finecl.numerics.partition import balance, pack_to_budget
from finecl.numerics.ragged import pair_key
from finecl.tokens.candidate_pairs import CandidatePairs, select_pairs
from finecl.tokens.marked_sentences import MarkedSentences
from finecl.tokens.packing import pack
from finecl.tokens.token_table import TokenizedCorpus
from finecl.types import Bools, Floats, Ints


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


@dataclass(frozen=True, kw_only=True)
class PairScores:
    """Scores of every relation for every entity pair of some documents; the last column, no-relation, is gone.

    *Shape:* ``document``, ``head``, ``tail`` [P]; ``scores_PR`` [P, relations].
    """

    document: Ints
    head: Ints
    tail: Ints
    scores_PR: Floats
    marked: bool = False

    def correct(self, data: ExtractionDataset) -> Bools:
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

    def placed(self, tokens: TokenizedCorpus) -> PairScores:
        """The same with the documents and entities of the corpus, where it was marked sentences that were asked."""
        if not isinstance(tokens, MarkedSentences):
            return self
        row = self.document
        return replace(self, document=tokens.document[row], head=tokens.head[row], tail=tokens.tail[row])

    def predicted(self, threshold: float | Floats) -> Bools:
        """Which relations are predicted ``[P, relations]``: those that score at least ``threshold``, one or one each.

        Of a marked sentence that is the best one alone, and only if it scores above 0: it has one relation or none.
        """
        if not self.marked:
            above: Bools = self.scores_PR >= threshold
            return above
        best = self.scores_PR.argmax(axis=1)
        found = np.zeros(self.scores_PR.shape, dtype=np.bool_)
        row = np.arange(len(best))
        found[row, best] = self.scores_PR[row, best] > 0
        return found

    def facts(self, threshold: float | Floats, titles: Sequence[str], relations: Sequence[str]) -> list[Fact]:
        """The facts that are predicted, most certain first."""
        pair, relation = np.nonzero(self.predicted(threshold))
        order = np.argsort(-self.scores_PR[pair, relation], kind="stable")
        return [
            (titles[self.document[p]], int(self.head[p]), int(self.tail[p]), relations[r])
            for p, r in zip(pair[order].tolist(), relation[order].tolist(), strict=True)
        ]


def score_pairs(extractor: Any, data: ExtractionDataset, *, max_tokens: int | None = None) -> PairScores:
    """The scores of every ordered entity pair within reach of every document; all ranks take part and have all."""
    parts: list[tuple[Ints, Ints, Ints, Floats]] = []
    every = np.arange(len(data.tokens))
    for documents, asked, logits, _ in predict_logits(extractor, data, every, max_tokens=max_tokens, every_pair=True):
        scores = extractor.scores(logits.float()).cpu().numpy()
        parts.append((documents[asked.document_P], asked.head_P, asked.tail_P, scores))
    parts = [part for some in current().all_gather_object(parts) for part in some]
    if not parts:
        raise TrainingError("no document has two entities within the encoder's reach: raise model.max_length")
    document, head, tail, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((tail, head, document))  # however many ranks there were
    return PairScores(
        document=document[order], head=head[order], tail=tail[order], scores_PR=scores[order], marked=data.tokens.marked
    )
