"""ERICA's objectives select the pairs of their equations, and their losses equal plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from finecl_erica.entity_discrimination import EntityDiscrimination
from finecl_erica.relation_discrimination import RelationDiscrimination
from hypothesis import given
from hypothesis import strategies as st

from finecl.types import NO_RELATION, Pairs, RowColumns
from tests.helpers import oracles, tiny
from tests.helpers.oracles import Row


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def pair_rows(draw: st.DrawFn) -> list[Row]:
    """Rows of entity pairs: with one or several labels, and without a label."""
    entity = st.integers(0, 3)
    pair = st.tuples(st.integers(0, 2), entity, entity).filter(lambda row: row[1] != row[2])
    pairs = draw(st.lists(pair, unique=True, min_size=1, max_size=12))
    kinds = st.sets(st.integers(0, 2), max_size=2)
    rows: list[Row] = []
    for entity_pair in pairs:
        relations = sorted(draw(kinds)) or [NO_RELATION]
        rows += [(*entity_pair, relation) for relation in relations]
    return rows


def pairs_of(rows: list[Row], objective: RelationDiscrimination, seed: int = 0) -> tuple[RowColumns, Pairs]:
    table = tiny.table(rows)
    return table, objective.pairs(table, table, generator(seed))


@given(pair_rows(), st.integers(0, 99))
def test_positives_are_mutual_of_one_relation_and_all_but_an_odd_one(rows: list[Row], seed: int) -> None:
    _, pairs = pairs_of(rows, RelationDiscrimination(), seed)
    positives = tiny.chosen(pairs.positive_AP)
    for anchor, mates in enumerate(positives):
        assert len(mates) <= 1
        for mate in mates:
            assert mate != anchor
            assert rows[mate][3] == rows[anchor][3] != NO_RELATION
            assert positives[mate] == {anchor}
            assert oracles.may_be_compared(rows[anchor], rows[mate])
    for relation in {row[3] for row in rows} - {NO_RELATION}:
        members = [n for n, row in enumerate(rows) if row[3] == relation]
        comparable = all(oracles.may_be_compared(rows[a], rows[b]) for a in members for b in members if a != b)
        unpaired = [n for n in members if not positives[n]]
        if comparable:  # the exclusion rule removes no pair: at most one row has no partner
            assert len(unpaired) == len(members) % 2


@given(pair_rows(), st.integers(0, 99))
def test_negatives_are_all_comparable_rows_of_other_relations(rows: list[Row], seed: int) -> None:
    _, pairs = pairs_of(rows, RelationDiscrimination(negatives=None), seed)
    for anchor, negatives in enumerate(tiny.chosen(pairs.negative_AK)):
        paired = (pairs.positive_AP[anchor] >= 0).any()
        assert negatives == (oracles.relation_negatives(rows, anchor) if paired else set())


def test_an_odd_one_and_pairs_without_a_relation_are_negatives_only() -> None:
    rows = [(d, 0, 1, 0) for d in range(3)] + [(3, 0, 1, 1), (4, 0, 1, 1), (5, 0, 1, NO_RELATION)]
    _, pairs = pairs_of(rows, RelationDiscrimination())
    anchors = {a for a, mates in enumerate(tiny.chosen(pairs.positive_AP)) if mates}
    odd = ({0, 1, 2} - anchors).pop()
    assert anchors == {0, 1, 2, 3, 4} - {odd}
    assert {odd, 5} <= tiny.chosen(pairs.negative_AK)[3]
    assert pairs.terms == 4


def test_rows_of_one_document_that_share_head_or_tail_are_neither() -> None:
    rows = [(0, 0, 1, 0), (0, 0, 2, 1), (0, 3, 1, 1), (0, 1, 0, 1), (1, 0, 1, 1), (1, 2, 3, 0)]
    table = tiny.table(rows)
    pairs = RelationDiscrimination().pairs(table, table, generator())
    # Row 0's partner is row 5. Row 1 has the same head, row 2 the same tail; rows 3 and 4 share neither.
    assert tiny.chosen(pairs.positive_AP)[0] == {5}
    assert tiny.chosen(pairs.negative_AK)[0] == {3, 4}
    shared = tiny.table([(0, 0, 1, 0), (0, 0, 2, 0), (1, 0, 1, 1)])
    assert RelationDiscrimination().pairs(shared, shared, generator()).terms == 0  # partners with the same head


def test_a_pair_of_two_labels_is_not_its_own_negative_nor_that_of_its_relations() -> None:
    rows = [(0, 0, 1, 0), (0, 0, 1, 1), (1, 0, 1, 0), (2, 0, 1, 1), (3, 0, 1, 2)]
    _, pairs = pairs_of(rows, RelationDiscrimination())
    negatives = tiny.chosen(pairs.negative_AK)
    assert negatives[0] == {3, 4}  # not row 1, its own other label
    assert negatives[2] == {3, 4}  # nor is row 1 one of row 2: its pair carries relation 0 too
    assert negatives[3] == {2, 4}


def test_at_most_64_negatives_without_replacement_and_drawn_by_seed() -> None:
    rows = [(0, 0, 1, 0), (1, 0, 1, 0), *((d, 0, 1, 1) for d in range(2, 202))]
    table = tiny.table(rows)
    sampled = [RelationDiscrimination().pairs(table, table, generator(seed)) for seed in (0, 0, 1)]
    draws = [pairs.negative_AK[0].tolist() for pairs in sampled]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == len(draws[0]) == 64
    assert set(draws[0]) <= set(range(2, 202))
    counts = np.zeros(202)
    for seed in range(150):
        counts[RelationDiscrimination(negatives=20).pairs(table, table, generator(seed)).negative_AK[0]] += 1
    assert abs(counts[2:].mean() - 15) < 1e-9
    assert counts[2:].max() < 15 + 5 * math.sqrt(15)
    assert counts[2:].min() > 0


def test_the_pairing_is_drawn_not_fixed() -> None:
    rows = [(d, 0, 1, 0) for d in range(7)] + [(9, 0, 1, 1)]
    table = tiny.table(rows)
    draws = [RelationDiscrimination().pairs(table, table, generator(seed)).positive_AP.tolist() for seed in range(20)]
    assert draws[0] != draws[1]
    left_out = {anchor for draw in draws for anchor in range(7) if draw[anchor] == [-1]}
    assert len(left_out) > 3


def test_no_rows_are_no_terms() -> None:
    table = tiny.table([])
    for objective in (RelationDiscrimination(), EntityDiscrimination()):
        pairs = objective.pairs(table, table, generator())
        x, y = (torch.zeros(0, 4, requires_grad=True) for _ in range(2))
        loss = objective.loss(x, y, pairs, table, table)
        assert (loss.terms, loss.total.item()) == (0, 0.0)


@given(pair_rows(), st.integers(0, 99))
def test_weighted_mates_are_comparable_rows_of_the_relation(rows: list[Row], seed: int) -> None:
    _, pairs = pairs_of(rows, RelationDiscrimination(mate="weighted"), seed)
    for anchor, mates in enumerate(tiny.chosen(pairs.positive_AP)):
        others = [
            n
            for n, row in enumerate(rows)
            if n != anchor and row[3] == rows[anchor][3] != NO_RELATION and oracles.may_be_compared(row, rows[anchor])
        ]
        assert mates <= set(others)
        assert len(mates) <= 1


def test_a_row_misses_its_only_mate_once_in_256_draws() -> None:
    """Each of eight samples is the row itself by half."""
    table, rng, rounds = tiny.table([(d, 0, 1, 0) for d in range(2)]), generator(), 8000
    objective = RelationDiscrimination(mate="weighted")
    draws = (objective.pairs(table, table, rng).positive_AP for _ in range(rounds))
    found = sum(len(mates) for positives in draws for mates in tiny.chosen(positives))
    assert 1 - found / (2 * rounds) == pytest.approx(1 / 256, abs=0.0015)


def test_weighted_mates_are_sampled_in_proportion_to_their_weight() -> None:
    weights, rounds = [1.0, 0.0, 3.0, 6.0], 4000
    table = tiny.table([(d, 0, 1, 0) for d in range(4)], weights)
    counts = np.zeros(4)
    rng = generator()
    for _ in range(rounds):
        counts[RelationDiscrimination(mate="weighted").pairs(table, table, rng).positive_AP[0, 0]] += 1
    np.testing.assert_allclose(counts / rounds, [0.0, 0.0, 1 / 3, 2 / 3], atol=0.03)


@given(
    pair_rows(), st.integers(0, 2**32), st.sampled_from(["anchor", "product"]), st.sampled_from(["uniform", "weighted"])
)
def test_relation_discrimination_equals_the_loop(rows: list[Row], seed: int, positive_weight: str, mate: str) -> None:
    rng = generator(seed)
    weights = np.where(rng.random(len(rows)) < 0.1, 0, rng.uniform(1, math.e, len(rows)))
    table = tiny.table(rows, weights.tolist())
    objective = RelationDiscrimination(temperature=0.1, negatives=None, mate=mate, positive_weight=positive_weight)  # type: ignore[arg-type]
    pairs = objective.pairs(table, table, rng)
    x = torch.tensor(rng.normal(size=(len(rows), 6)).astype(np.float32))
    actual, plain = (x.clone().requires_grad_() for _ in range(2))
    loss = objective.loss(actual, actual, pairs, table, table)
    torch.autograd.backward(loss.total)
    positives = [sorted(row) for row in tiny.chosen(pairs.positive_AP)]
    negatives = [sorted(oracles.relation_negatives(rows, a)) for a in range(len(rows))]
    float_weights = table.weight.tolist()
    total, terms = oracles.weighted_info_nce(
        plain, plain, positives, negatives, float_weights, float_weights, 0.1,
        weigh_positives=positive_weight == "product",
    )  # fmt: skip
    torch.autograd.backward(total)
    assert loss.terms == pairs.terms == terms
    assert loss.total.item() == pytest.approx(total.item(), rel=1e-4, abs=1e-5)
    assert actual.grad is not None
    assert plain.grad is not None
    torch.testing.assert_close(actual.grad, plain.grad, rtol=1e-3, atol=1e-4)


# ------------------------------------------------- entity discrimination


@st.composite
def queries(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """One queried head per document, and the entities of all documents; a tail may be missing (truncated)."""
    query_rows: list[Row] = []
    entities: list[Row] = []
    for document in range(draw(st.integers(1, 3))):
        count = draw(st.integers(2, 5))
        head, tail = draw(st.permutations(range(count)))[:2]
        others = draw(st.sets(st.integers(0, count - 1), max_size=2)) - {head}
        visible = draw(st.sets(st.integers(0, count - 1))) | {head}
        relation = draw(st.integers(0, 2))
        query_rows.append((document, head, tail, relation))
        entities += [
            (document, e, -1, relation if e in {tail, *others} else NO_RELATION) for e in range(count) if e in visible
        ]
    return query_rows, entities


@given(queries(), st.booleans(), st.sampled_from(["ignore", "negative"]), st.integers(0, 2**32))
def test_entity_discrimination_equals_the_loop(
    case: tuple[list[Row], list[Row]], twice: bool, other_tails: str, seed: int
) -> None:
    query_rows, entities = case
    objective = EntityDiscrimination(temperature=0.1, count_tail_twice=twice, other_tails=other_tails)  # type: ignore[arg-type]
    rng = generator(seed)
    anchors = tiny.table(query_rows, rng.uniform(1, 3, len(query_rows)).tolist())  # the objective ignores weights
    candidates = tiny.table(entities)
    pairs = objective.pairs(anchors, candidates, rng)
    options = {"count_tail_twice": twice, "ignore_other_tails": other_tails == "ignore"}
    expected = [oracles.entity_pairs(query, entities, **options) for query in query_rows]
    assert tiny.chosen(pairs.positive_AP) == [positives for positives, _ in expected]
    assert tiny.chosen(pairs.negative_AK) == [negatives for _, negatives in expected]

    x, y = (torch.tensor(rng.normal(size=(len(rows), 6)).astype(np.float32)) for rows in (query_rows, entities))
    actual, plain = ([t.clone().requires_grad_() for t in (x, y)] for _ in range(2))
    loss = objective.loss(actual[0], actual[1], pairs, anchors, candidates)
    torch.autograd.backward(loss.total)
    chosen = [[sorted(side) for side in column] for column in zip(*expected, strict=True)]
    ones = [1.0] * len(query_rows), [1.0] * len(entities)
    total, terms = oracles.weighted_info_nce(plain[0], plain[1], chosen[0], chosen[1], *ones, 0.1)
    torch.autograd.backward(total)
    assert loss.terms == pairs.terms == terms
    assert loss.total.item() == pytest.approx(total.item(), rel=1e-4, abs=1e-5)
    for tensor, other in zip(actual, plain, strict=True):
        assert tensor.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(tensor.grad, other.grad, rtol=1e-3, atol=1e-4)


def facts_1_7(*, twice: bool) -> float:
    """The vectors of facts.md 1.7 as one queried head, its tail and three other entities."""
    query = tiny.table([(0, 0, 1, 0)])
    entities = tiny.table([(0, 0, -1, NO_RELATION), (0, 1, -1, 0), *((0, e, -1, NO_RELATION) for e in (2, 3, 4))])
    x = torch.tensor([[1.0, 0.2, 0.0]])
    y = torch.tensor([[1.0, 0.2, 0.0], [0.9, 0.3, 0.1], [0.2, 1.0, 0.0], [0.5, 0.5, 0.7], [0.95, 0.1, 0.3]])
    objective = EntityDiscrimination(count_tail_twice=twice)
    pairs = objective.pairs(query, entities, generator())
    return objective.loss(x, y, pairs, query, entities).total.item()


def test_the_test_vectors_of_the_facts() -> None:
    assert facts_1_7(twice=True) == pytest.approx(0.907884, abs=1e-5)
    assert facts_1_7(twice=False) == pytest.approx(0.391415, abs=1e-5)


def test_relation_discrimination_gives_the_code_form_of_the_facts() -> None:
    def f(k: float) -> float:
        return math.exp((14 - k) / 14)

    rows = [(0, 0, 1, 0), (1, 0, 1, 0), (2, 0, 1, 1), (3, 0, 1, 2), (4, 0, 1, NO_RELATION)]
    table = tiny.table(rows, [f(0), f(4), f(2), f(14), math.exp(0.5)])
    x = torch.tensor([[1.0, 0.2, 0.0], [0.9, 0.3, 0.1], [0.2, 1.0, 0.0], [0.5, 0.5, 0.7], [0.95, 0.1, 0.3]])
    objective = RelationDiscrimination()
    pairs = objective.pairs(table, table, generator())
    only_a = Pairs.contrastive(np.where(np.arange(5)[:, None] == 0, pairs.positive_AP, -1), pairs.negative_AK)
    assert only_a.terms == 1
    assert objective.loss(x, x, only_a, table, table).total.item() == pytest.approx(1.582051, abs=1e-5)


def test_views_and_draws_are_named() -> None:
    relation, entity = RelationDiscrimination(), EntityDiscrimination()
    assert (relation.anchors, relation.candidates, relation.sampling) == ("pair", "pair", "documents")
    assert (entity.anchors, entity.candidates, entity.sampling) == ("query", "entity", "documents")
