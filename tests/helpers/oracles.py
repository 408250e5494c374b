"""The formulas as plain loops over Python numbers, for comparison with the fast code. Nothing here calls finecl."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

NOTHING = -1


def cosine(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum() / (x * x).sum().sqrt() / (y * y).sum().sqrt()


def weighted_info_nce(
    x: Tensor,
    y: Tensor,
    positives: Sequence[Sequence[int]],
    negatives: Sequence[Sequence[int]],
    anchor_weight: Sequence[float],
    candidate_weight: Sequence[float],
    temperature: float,
    *,
    weigh_positives: bool = False,
) -> tuple[Tensor, int]:
    """Returns sum_a sum_p  w_a * -log( e^s_ap / (e^s_ap + sum_n w_n e^s_an) )  and the number of its terms.

    With ``weigh_positives`` a term has the weight w_a * w_p.
    """
    total, terms = (x.sum() + y.sum()).double() * 0, 0
    for a, (own, others) in enumerate(zip(positives, negatives, strict=True)):
        for p in own:
            if not others:
                continue
            near = torch.exp(cosine(x[a].double(), y[p].double()) / temperature)
            far = torch.zeros((), dtype=torch.float64)
            for n in others:
                far = far + candidate_weight[n] * torch.exp(cosine(x[a].double(), y[n].double()) / temperature)
            weight = anchor_weight[a] * (candidate_weight[p] if weigh_positives else 1.0)
            total = total - weight * torch.log(near / (near + far))
            terms += 1
    return total, terms


def cross_entropy(logits: Sequence[float], labels: Sequence[bool]) -> float:
    """Returns the mean over a pair's labels of -log softmax of each label against all non-labels."""
    losses = []
    for own, carried in zip(logits, labels, strict=True):
        if carried:
            against = sum(math.exp(other) for other, its in zip(logits, labels, strict=True) if not its)
            losses.append(-math.log(math.exp(own) / (math.exp(own) + against)))
    return sum(losses) / len(losses)


def binary_cross_entropy(logits: Sequence[float], labels: Sequence[bool]) -> float:
    """Returns the mean over relations of -log p for labels and -log (1 - p) for the others, p the sigmoid."""
    losses = []
    for logit, carried in zip(logits, labels, strict=True):
        p = 1 / (1 + math.exp(-logit))
        losses.append(-math.log(p if carried else 1 - p))
    return sum(losses) / len(losses)


Row = tuple[int, int, int, int]
"""Document, head, tail, relation."""


def may_be_compared(a: Row, c: Row) -> bool:
    """Returns whether the rows do not share a document and their head or tail (released ERICA)."""
    return not (a[0] == c[0] and (a[1] == c[1] or a[2] == c[2]))


def relation_negatives(rows: Sequence[Row], anchor: int) -> set[int]:
    """Returns candidates of other relations, without pairs that are also labelled with the anchor's relation."""
    relation = rows[anchor][3]
    negatives = set()
    for c, (d, h, t, _) in enumerate(rows):
        labels = {row[3] for row in rows if row[:3] == (d, h, t)}
        if relation not in labels and may_be_compared(rows[anchor], rows[c]):
            negatives.add(c)
    return negatives


def entity_pairs(
    query: Row, entities: Sequence[Row], *, count_tail_twice: bool, ignore_other_tails: bool
) -> tuple[set[int], set[int]]:
    """Returns positives and negatives of a queried head among entities (document, entity, -1, queried relation?)."""
    positives, negatives = set(), set()
    for c, (document, entity, _, answers) in enumerate(entities):
        if document != query[0]:
            continue
        if entity == query[2]:
            positives.add(c)
            if count_tail_twice:
                negatives.add(c)
        elif entity != query[1] and not (ignore_other_tails and answers == query[3]):
            negatives.add(c)
    return positives, negatives
