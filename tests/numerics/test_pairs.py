"""Tests of candidate pairs: equal to a plain enumeration, and independent of the micro-batch they are sampled in."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from finecl.extraction.examples import ExtractionDataset
from finecl.numerics.partition import pack_to_budget
from finecl.pretraining.contrast_groups import SilverData, plain_group, queried_group
from finecl.tokens.candidate_pairs import CandidatePairs, all_pairs, select_pairs
from finecl.tokens.packing import Packed, pack
from finecl.tokens.token_table import reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import NO_RELATION, Floats, Ints
from tests.conftest import LoadTiny
from tests.helpers import tiny

Pair = tuple[int, int, int]
NUMBERS = np.array([1, 4, 5, 9, 11])


@pytest.fixture(scope="module")
def tokenizer(load_tiny: LoadTiny) -> DocumentTokenizer:
    return load_tiny()[1]


@pytest.fixture(scope="module")
def data(tokenizer: DocumentTokenizer, tmp_path_factory: pytest.TempPathFactory) -> ExtractionDataset:
    return tiny.labelled(tiny.documents(12), tokenizer, tmp_path_factory.mktemp("pairs"))


def select(data: ExtractionDataset, numbers: Ints, **how: float | int | None) -> tuple[Packed, CandidatePairs]:
    packed = pack(data.tokens.rows(numbers))
    return packed, select_pairs(packed, data.instances, numbers, **how)  # type: ignore[arg-type]


def as_set(candidates: CandidatePairs, numbers: Ints) -> set[Pair]:
    """Returns (document of the corpus, head, tail) of every candidate pair; each occurs once."""
    columns = (numbers[candidates.document_P].tolist(), candidates.head_P.tolist(), candidates.tail_P.tolist())
    pairs = list(zip(*columns, strict=True))
    assert len(pairs) == len(set(pairs)) == len(candidates)
    return set(pairs)


def labels_of(data: ExtractionDataset, numbers: Ints) -> set[tuple[int, int, int, int]]:
    """Returns (document, head, tail, relation) of every instance of these documents."""
    i = data.instances
    columns = (c.tolist() for c in (i.document, i.head, i.tail, i.relation))
    return {row for row in zip(*columns, strict=True) if row[0] in numbers}


def test_every_pairare_all_ordered_pairs_of_different_entities(data: ExtractionDataset) -> None:
    packed = pack(data.tokens.rows(NUMBERS))
    rows = range(len(packed.key_V))
    expected = [
        (h, t) for h, t in itertools.product(rows, rows) if h != t and packed.document_V[h] == packed.document_V[t]
    ]
    head, tail = all_pairs(packed)
    assert sorted(zip(head.tolist(), tail.tolist(), strict=True)) == expected


def test_every_label_is_asked_and_found_again(data: ExtractionDataset) -> None:
    packed, candidates = select(data, NUMBERS)
    entities = {d: int(data.tokens.entities[d]) for d in NUMBERS.tolist()}
    every_pair = {(d, h, t) for d, n in entities.items() for h in range(n) for t in range(n) if h != t}
    assert as_set(candidates, NUMBERS) == every_pair
    pair_I = candidates.pair_I
    instance = [
        NUMBERS[candidates.document_P[pair_I]].tolist(),
        candidates.head_P[pair_I].tolist(),
        candidates.tail_P[pair_I].tolist(),
        candidates.relation_I.tolist(),
    ]
    assert set(zip(*instance, strict=True)) == labels_of(data, NUMBERS)
    assert (data.instances.document[candidates.instance_I] == NUMBERS[candidates.document_P[pair_I]]).all()
    for rows, entity in ((candidates.head_row_P, candidates.head_P), (candidates.tail_row_P, candidates.tail_P)):
        assert (packed.entity_V[rows] == entity).all()
        assert (packed.document_V[rows] == candidates.document_P).all()


@pytest.mark.parametrize("negatives", [0.0, 0.5, 1.0, 3.0])
def test_negatives_are_drawn_for_each_labelled_pair_of_a_document(data: ExtractionDataset, negatives: float) -> None:
    _, candidates = select(data, NUMBERS, negatives=negatives)
    labelled = {row[:3] for row in labels_of(data, NUMBERS)}
    selected = as_set(candidates, NUMBERS)
    assert labelled <= selected
    for d in NUMBERS.tolist():
        mine = [row for row in labelled if row[0] == d]
        free = int(data.tokens.entities[d] * (data.tokens.entities[d] - 1)) - len(mine)
        quota = int(np.ceil(len(mine) * negatives))
        assert len([row for row in selected - labelled if row[0] == d]) == min(quota, free)


@pytest.mark.parametrize("how", [{"negatives": 2.0}, {"at_most": 4}, {"negatives": 3.0, "at_most": 5}])
def test_a_draw_does_not_depend_on_the_pass(data: ExtractionDataset, how: dict[str, float]) -> None:
    for epoch in (0, 3):
        together = as_set(select(data, NUMBERS, seed=7, epoch=epoch, **how)[1], NUMBERS)
        for cut in ([[1], [4], [5], [9], [11]], [[11, 4], [9, 5, 1]]):
            parts = [np.array(part) for part in cut]
            separate = [as_set(select(data, part, seed=7, epoch=epoch, **how)[1], part) for part in parts]
            assert set().union(*separate) == together


def test_another_epoch_or_seed_is_another_draw(data: ExtractionDataset) -> None:
    draws = [
        as_set(select(data, NUMBERS, at_most=4, seed=seed, epoch=epoch)[1], NUMBERS)
        for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0))
    ]
    assert draws[0] == draws[3]
    assert draws[0] != draws[1] != draws[2] != draws[0]


def test_every_pair_without_a_label_is_drawn_about_equally_often(data: ExtractionDataset) -> None:
    numbers = np.array([4])
    labelled = {row[:3] for row in labels_of(data, numbers)}
    unlabelled = as_set(select(data, numbers)[1], numbers) - labelled
    counts = dict.fromkeys(unlabelled, 0)
    epochs = 400
    for epoch in range(epochs):
        for pair in as_set(select(data, numbers, at_most=2, epoch=epoch)[1], numbers) - labelled:
            counts[pair] += 1
    expected = 2 * epochs / len(unlabelled)
    spread = (expected * (1 - 2 / len(unlabelled))) ** 0.5
    assert max(abs(count - expected) for count in counts.values()) < 4.5 * spread


def silver_of(data: ExtractionDataset, tokenizer: DocumentTokenizer, weight: Floats) -> SilverData:
    return SilverData(
        tokens=data.tokens,
        instances=data.instances,
        weight=weight,
        unscored=1.5,
        relation_tokens=[tokenizer.encode(f"born {name}") for name in data.instances.relations],
        usable=reached(data.instances, data.tokens) & (weight > 0),
    )


def test_the_unit_of_pairs_holds_weighted_labels_and_drawn_others(
    data: ExtractionDataset, tokenizer: DocumentTokenizer
) -> None:
    rng = np.random.default_rng(0)
    weight = np.where(rng.random(len(data.instances)) < 0.3, 0, rng.uniform(0.5, 2, len(data.instances)))
    silver = silver_of(data, tokenizer, weight.astype(np.float32))
    group = plain_group(silver, NUMBERS, tokenizer, no_relation_pairs=4, seed=0, step=0)
    table = group.units["pair"].table
    documents = NUMBERS[table.document]
    rows = list(zip(*(c.tolist() for c in (documents, table.head, table.tail, table.relation)), strict=True))
    weights = dict(zip(data.instances.uid.tolist(), silver.weight.tolist(), strict=True))
    labels = labels_of(data, NUMBERS)
    weighted = {
        (d, h, t, r)
        for u, d, h, t, r in zip(
            *(getattr(data.instances, c).tolist() for c in ("uid", "document", "head", "tail", "relation")), strict=True
        )
        if d in NUMBERS and weights[u] > 0
    }
    assert {row for row in rows if row[3] != NO_RELATION} == weighted != labels
    free = [row for row in rows if row[3] == NO_RELATION]
    assert not {row[:3] for row in free} & {row[:3] for row in labels}
    assert max(sum(row[0] == d for row in free) for d in NUMBERS.tolist()) <= 4
    expected = [weights[u] if u else 1.5 for u in table.uid.tolist()]
    assert table.weight.tolist() == pytest.approx(expected)
    head_row, tail_row = group.units["pair"].entity_rows
    assert (group.packed.entity_V[head_row] == table.head).all()
    assert (group.packed.entity_V[tail_row] == table.tail).all()


def test_a_queried_document_begins_with_relation_and_head(
    data: ExtractionDataset, tokenizer: DocumentTokenizer
) -> None:
    silver = silver_of(data, tokenizer, np.ones(len(data.instances), dtype=np.float32))
    group = queried_group(silver, NUMBERS, tokenizer, seed=0, step=2)
    query, entity = group.units["query"], group.units["entity"]
    texts = np.split(group.packed.ids_T, np.cumsum(group.packed.lengths)[:-1])
    plain = data.tokens.rows(NUMBERS)
    originals = np.split(plain.ids, np.cumsum(plain.lengths)[:-1])
    for row in range(len(query.table)):
        d, head, relation = (int(getattr(query.table, c)[row]) for c in ("document", "head", "relation"))
        number = int(NUMBERS[d])
        assert (number, head, int(query.table.tail[row]), relation) in labels_of(data, NUMBERS)
        first = min(m.start for m in tiny.documents(12)[number].entities[head].mentions)
        name = tiny.documents(12)[number].sentences[0][first]
        query_ids = tokenizer.encode(f"born {data.instances.relations[relation]} {name}")
        expected = [tokenizer.first, *query_ids, tokenizer.last, *originals[d][1:].tolist()][: tokenizer.max_length]
        assert texts[d].tolist()[:-1] == expected[:-1]
        assert texts[d][-1] == tokenizer.last
        rows = np.flatnonzero(entity.table.document == d)
        answers = {int(entity.table.head[r]) for r in rows if entity.table.relation[r] != NO_RELATION}
        tails = {t for (n, h, t, r) in labels_of(data, NUMBERS) if (n, h, r) == (number, head, relation)}
        assert answers == tails & set(entity.table.head[rows].tolist())
    assert len(query.table) == len(NUMBERS)
    for unit in (query, entity):
        (rows,) = unit.entity_rows
        assert (group.packed.entity_V[rows] == unit.table.head).all()
        assert (group.packed.document_V[rows] == unit.table.document).all()


def test_mentions_move_with_the_query_and_fall_off_the_end(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    text = " ".join(["Ada", *["the"] * (tiny.LONGEST - 8), "Darwin", "Curie"])
    data = tiny.labelled([tiny.document("long", [text], ["Ada", "Curie", "Darwin"], (0, "P0", 2))], tokenizer, tmp_path)
    assert data.tokens.lengths.tolist() == [tiny.LONGEST - 3]
    silver = silver_of(data, tokenizer, np.ones(1, dtype=np.float32))
    group = queried_group(silver, np.array([0]), tokenizer, seed=0, step=0)
    assert group.packed.lengths.tolist() == [tiny.LONGEST]
    shift = len(silver.relation_tokens[0]) + 2
    assert group.packed.entity_V.tolist() == [0]  # both tails were truncated, so there is no term
    assert group.packed.start_V.tolist() == [1 + shift]
    assert set(group.packed.member_M.tolist()) == {1 + shift}
    assert group.units["entity"].table.relation.tolist() == [NO_RELATION]


@pytest.mark.parametrize("most", [1, 10, 40, 10_000])
def test_passes_hold_every_part_once_in_order_within_the_limit(most: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 25)
    runs = pack_to_budget(lengths, most)
    assert np.concatenate(runs).tolist() == list(range(25))
    assert all(lengths[run].sum() <= most or len(run) == 1 for run in runs)
    assert all(lengths[np.r_[a, b[:1]]].sum() > most for a, b in itertools.pairwise(runs))


def test_no_documents_are_no_passes() -> None:
    assert pack_to_budget(np.zeros(0, dtype=np.int64), 10) == []
