"""Small random inputs for plugins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.numerics.ragged import entity_key
from finecl.testing.texts import SampleTexts
from finecl.tokens.packing import pack
from finecl.tokens.token_rows import TokenBatch
from finecl.types import (
    NO_RELATION,
    AttentionBias,
    Batch,
    Document,
    Dynamics,
    Entity,
    Evidence,
    EvidenceKind,
    Floats,
    Instances,
    Ints,
    Label,
    Mention,
    RowColumns,
    Unit,
)

HIDDEN, VOCABULARY = 16, 50


def instances(count: int) -> Instances:
    """Returns labels of documents with several labels each; about a third of the pairs carry two."""
    rng = np.random.default_rng(count)
    document = np.sort(rng.integers(0, max(1, count // 4), count))
    second = np.r_[False, (rng.random(count - 1) < 0.4) & (document[1:] == document[:-1])]
    pair = np.cumsum(~second) - 1
    head, tail = pair % 5, pair % 5 + 1
    return Instances(
        uid=rng.integers(1, 2**63, count).astype(np.uint64),
        document=document,
        head=head.astype(np.int64),
        tail=tail.astype(np.int64),
        relation=(rng.integers(0, 3, count) + second) % 4,
        pair=pair.astype(np.int64),
        relations=("P0", "P1", "P2", "P3"),
    )


def evidence(count: int, epochs: int = 4, kinds: Sequence[EvidenceKind] = get_args(EvidenceKind)) -> Evidence:
    """Returns evidence of these kinds; some instances are never correct, the last of several is never shown."""
    return Evidence(
        batch=_dynamics(count, epochs, 0) if "dynamics" in kinds else None,
        epoch=_dynamics(count, epochs, 1) if "dynamics" in kinds else None,
        gold=_shown(count, 5, 2) if "gold" in kinds else None,
        held_out=_shown(count, 5, 3) if "held-out" in kinds else None,
        representations=_shown(count, 2 * HIDDEN, 4) if "representations" in kinds else None,
        statements=np.tanh(_shown(count, 5, 5)) if "statements" in kinds else None,
        text=SampleTexts(instances(count)) if "text" in kinds else None,
    )


def _shown(count: int, width: int, seed: int) -> Floats:
    """Returns numbers of each instance ``[N, width]``; NaN for the last of several."""
    found = np.random.default_rng([count, seed]).normal(0, 2, (count, width)).astype(np.float32)
    if count > 1:
        found[-1] = np.nan
    return found


def _dynamics(count: int, epochs: int, seed: int) -> Dynamics:
    rng = np.random.default_rng([count, seed])
    margin = (rng.normal(-1, 1.5, (epochs, count)) + np.arange(epochs)[:, None] / 2).astype(np.float32)
    margin[:, : count // 5] = -np.abs(margin[:, : count // 5])
    loss = np.log1p(np.exp(-margin))
    if count > 1:
        margin[:, -1], loss[:, -1] = -np.inf, np.inf
    correct = margin > 0
    return Dynamics(
        correct=correct,
        top=correct & (rng.random(correct.shape) < 0.9),
        confidence=np.exp(-loss).astype(np.float32),
        margin=margin,
        loss=loss.astype(np.float32),
    )


def noises() -> list[Floats]:
    """Returns noise with ties, infinities, equal values, all infinite, and of a single instance."""
    rng = np.random.default_rng(0)
    orders = rng.integers(1, 6, 60).astype(np.float32)
    orders[::7] = np.inf
    never, spread = np.full(5, np.inf), np.r_[rng.normal(0, 100, 30), np.inf, -1e30, 1e30]
    kinds = (orders, spread, np.full(8, 3.0), never, np.array([2.0]), np.array([1.0, np.inf]), np.zeros(3))
    return [np.asarray(kind, dtype=np.float32) for kind in kinds]


def tables() -> dict[Unit, RowColumns]:
    """Returns the rows of each unit of a contrast group: labels of three relations, and pairs without one."""
    pairs = [(d, h, t, (d + h) % 3) for d in range(6) for h, t in ((0, 1), (2, 0))]
    pairs += [(0, 0, 1, 2), (3, 2, 0, 0), *((d, 1, 2, NO_RELATION) for d in range(6))]
    queries = [(d, 0, 1, d % 3) for d in range(6)]
    entities = [(d, e, -1, d % 3 if e in (1, 3) else NO_RELATION) for d in range(6) for e in range(4 + d % 2)]
    return {"pair": _table(pairs), "query": _table(queries), "entity": _table(entities)}


def _table(rows: list[tuple[int, int, int, int]]) -> RowColumns:
    document, head, tail, relation = np.array(rows, dtype=np.int64).T
    uid = np.where(relation == NO_RELATION, 0, entity_key(document, head) * 7 + relation + 1)
    weight = np.random.default_rng(len(rows)).uniform(1, np.e, len(rows)).astype(np.float32)
    return RowColumns(
        uid=uid.astype(np.uint64),
        document=document,
        head=head,
        tail=tail,
        relation=relation,
        weight=weight,
        # the same entities come up again in every other document
        head_key=(document % 2) * 10 + head + 1,
        tail_key=np.where(tail < 0, 0, (document % 2) * 10 + tail + 1),
    )


class Embeddings(nn.Module):
    """A minimal ``TextEncoder``: token and position embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(VOCABULARY, HIDDEN), nn.Embedding(VOCABULARY, HIDDEN)

    @property
    def hidden_size(self) -> int:
        """Width H of its states."""
        return HIDDEN

    def forward(self, batch: Batch) -> Tensor:
        """States of the tokens ``[T, H]``."""
        states: Tensor = self.token(batch.input_ids[0]) + self.place(batch.position_ids[0])
        return states

    @property
    def vocabulary(self) -> list[str]:
        """The sub-words by their numbers."""
        return [f"w{number}" for number in range(VOCABULARY)]

    @property
    def attention_shape(self) -> tuple[int, int, int]:
        """One layer of two heads."""
        return 1, 2, HIDDEN // 2

    def with_attention_bias(self, batch: Batch, bias: AttentionBias) -> Tensor:
        """States after one layer of attention whose queries, keys and values are the states."""
        out = []
        for number, states in enumerate(torch.split(self(batch), list(batch.lengths))):
            heads = states.view(len(states), 2, -1).transpose(0, 1)
            scores = torch.bmm(heads, heads.transpose(1, 2))
            added = bias(0, number, heads, heads)
            weights = torch.softmax(scores if added is None else scores + added, dim=-1)
            out.append(torch.bmm(weights, heads).transpose(0, 1).flatten(1))
        return torch.cat(out)

    def entities(self, states_TH: Tensor, batch: Batch) -> Tensor:
        """Entity representations ``[V, H]``."""
        weights = batch.share_M
        return F.embedding_bag(batch.member_M, states_TH, batch.offset_V, mode="sum", per_sample_weights=weights)


def batch(*documents: int) -> Batch:
    """Returns rows of three documents with three entities each, with every ordered pair as a candidate."""
    lengths = np.array([(9, 14, 7)[d] for d in documents], dtype=np.int64)
    ids = [np.random.default_rng(d).integers(1, VOCABULARY, n) for d, n in zip(documents, lengths, strict=True)]
    packed = pack(
        TokenBatch(
            ids=np.concatenate(ids),
            lengths=lengths,
            start=np.tile(np.array([1, 2, 4, 5]), len(lengths)),
            end=np.tile(np.array([2, 4, 5, 6]), len(lengths)),
            entity=np.tile(np.array([0, 1, 2, 0]), len(lengths)),
            mentions=np.full(len(lengths), 4),
            sentence=np.concatenate([np.arange(length) // 4 for length in lengths]),
        )
    )
    head, tail = np.array([(h, t) for h in range(3) for t in range(3) if h != t], dtype=np.int64).T
    rows: Ints = np.repeat(np.arange(len(lengths)) * 3, len(head))
    return packed.batch(rows + np.tile(head, len(lengths)), rows + np.tile(tail, len(lengths)), first_position=0)


def labels(pairs: int, relations: int) -> Tensor:
    """Multi-hot labels ``[P, R]`` with pairs of one, of two and of no relation."""
    found = torch.zeros(pairs, relations)
    found[torch.arange(pairs), torch.arange(pairs) % relations] = 1
    found[1::3, 0] = 1
    found[:, -1] = (found[:, :-1].sum(dim=1) == 0).float()
    return found


def without_labels(document: Document) -> Document:
    """Returns the document without its labels."""
    return replace(document, labels=())


def documents() -> list[list[Document]]:
    """Files to be written: a sentence with one label, several documents, and what not every format can hold."""

    def mention(sentence: int, start: int, name: str, type: str | None = None) -> Mention:
        return Mention(sentence=sentence, start=start, end=start + 1, name=name, type=type)

    ada, zoe = Entity(mentions=(mention(0, 0, "Ada"),)), Entity(mentions=(mention(0, 2, "Zoë"),))
    sentence = Document(
        title="one",
        sentences=(("Ada", "met", "Zoë", "."),),
        entities=(ada, zoe),
        labels=(Label(head=0, tail=1, relation="met"),),
    )
    both = Entity(mentions=(mention(0, 0, "Ada", "PER"), mention(1, 1, '"A"\t', "PER")))
    text = Document(
        title="two",
        sentences=(("Ada", "met", "Zoë", "."), ("\u2028", '"A"\t', "left", "東京")),
        entities=(both, zoe, Entity(mentions=(mention(1, 3, "東京", "LOC"),))),
        labels=(Label(head=0, tail=1, relation="met", evidence=(0,)), Label(head=0, tail=2, relation="left")),
    )
    known = Document(
        title="three",
        sentences=sentence.sentences,
        entities=(Entity(mentions=ada.mentions, id="Q7259"), zoe),
        labels=(Label(head=1, tail=0, relation="met", truth="no_relation"),),
    )
    return [[sentence], [sentence, text, sentence], [known]]


def doubled(rows: Any) -> Any:
    """Returns row columns or pairs with every anchor twice."""
    columns = {f.name: getattr(rows, f.name) for f in fields(rows)}
    twice = {k: v * 2 if isinstance(v, int) else np.concatenate([v, v]) for k, v in columns.items()}
    return replace(rows, **twice)
