"""Tests of keyed random numbers, which do not depend on the batch, and of arithmetic on ragged columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.numerics.keyed_random import keyed_generator, keyed_uniform
from finecl.numerics.ragged import ENTITY_BITS, entity_key, find, first_within, offsets, pair_key, ranges, rank_within
from finecl.pretraining.queries import sample_instances
from finecl.pretraining.sampling import Sampler
from finecl.types import Instances, Ints

KEYS = st.lists(st.integers(0, 2**60), max_size=30)


def numbers(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)


@given(KEYS, st.randoms())
def test_a_keys_number_is_its_own(keys: list[int], shuffle: object) -> None:
    drawn = keyed_uniform(numbers(keys), 3, "test", 5)
    for place, key in enumerate(keys):
        assert keyed_uniform(numbers([key]), 3, "test", 5)[0] == drawn[place]
    assert ((drawn >= 0) & (drawn < 1)).all()


@pytest.mark.parametrize("other", [(4, "test", 5), (3, "other", 5), (3, "test", 6), (3, "test", 5, 1)])
def test_seed_purpose_and_moment_each_change_the_draw(other: tuple[int, str, int]) -> None:
    keys = np.arange(50)
    assert not (keyed_uniform(keys, 3, "test", 5) == keyed_uniform(keys, *other)).any()
    assert keyed_generator(3, "test", 5).random() != keyed_generator(*other).random()
    assert keyed_generator(3, "test", 5).random() == keyed_generator(3, "test", 5).random()


@pytest.mark.parametrize("stride", [1, 64, 1 << ENTITY_BITS, 1 << 40])
def test_numbers_of_regular_keys_are_uniform_and_uncorrelated(stride: int) -> None:
    drawn = keyed_uniform(np.arange(20_000) * stride, 0, "test")
    counts = np.histogram(drawn, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 50  # chi-squared of 19 degrees: p < 1e-4
    for lag in (1, 2, 7):
        assert abs(np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]) < 0.03
    assert len(np.unique(drawn)) > 19_990


def test_draws_do_not_change_between_versions() -> None:
    """A resumed run must sample the same numbers as the interrupted one, so these numbers must never change."""
    drawn = keyed_uniform(numbers([0, 1, 2]), 42, "mask", 7)
    assert drawn.tolist() == pytest.approx([0.183306858935, 0.670792522882, 0.115305624061], abs=1e-11)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=12))
def test_ranges_and_offsets_equal_their_loops(parts: list[tuple[int, int]]) -> None:
    starts, lengths = numbers([s for s, _ in parts]), numbers([n for _, n in parts])
    assert ranges(starts, lengths).tolist() == [i for s, n in parts for i in range(s, s + n)]
    assert offsets(lengths).tolist() == [sum(n for _, n in parts[:i]) for i in range(len(parts))]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1)), max_size=25), st.integers(0, 4))
def test_ranks_and_quotas_within_groups_equal_sorting_each_group(rows: list[tuple[int, float]], quota: int) -> None:
    group, key = numbers([g for g, _ in rows]), np.array([k for _, k in rows])
    rank = rank_within(group, key)
    for g in range(5):
        members = [i for i in range(len(rows)) if group[i] == g]
        assert [int(rank[i]) for i in sorted(members, key=lambda i: (key[i], i))] == list(range(len(members)))
    quotas = numbers([quota, 0, 1, 2, 99])
    selected = first_within(group, quotas, key)
    assert selected.tolist() == [bool(rank[i] < quotas[group[i]]) for i in range(len(rows))]
    assert rank_within(group).tolist() == [sum(group[:i] == group[i]) for i in range(len(rows))]


@given(KEYS, KEYS)
def test_find_gives_the_place_or_minus_one(keys: list[int], missing: list[int]) -> None:
    known = sorted(set(keys))
    queries = missing + known[:3]
    assert find(numbers(known), numbers(queries)).tolist() == [known.index(q) if q in known else -1 for q in queries]


def test_keys_of_pairs_are_distinct_up_to_the_stated_sizes() -> None:
    most = (1 << ENTITY_BITS) - 1
    document, head, tail = numbers([0, 0, 1, 8_000_000, 7]), numbers([0, most, 0, most, 5]), numbers([1, 0, 0, most, 6])
    keys = pair_key(document, head, tail)
    assert (keys >= 0).all()
    assert len(set(keys.tolist())) == 5
    assert entity_key(document, head).tolist() == [d * 2**ENTITY_BITS + h for d, h in zip(document, head, strict=True)]


def test_the_sampler_visits_every_document_once_an_epoch_in_another_order() -> None:
    sampler = Sampler(documents=np.arange(100, 120), batch_size=5, seed=1, purpose="plain")
    epochs = [[sampler.step(4 * e + s).tolist() for s in range(4)] for e in range(2)]
    for epoch in epochs:
        assert sorted(d for step in epoch for d in step) == list(range(100, 120))
    assert epochs[0] != epochs[1]
    assert sampler.step(6).tolist() == epochs[1][2]  # steps can be sampled in any order
    assert Sampler(documents=np.arange(100, 120), batch_size=5, seed=1, purpose="x").step(0).tolist() != epochs[0][0]


def test_a_step_that_wants_more_than_there_is_holds_everything() -> None:
    sampler = Sampler(documents=np.arange(3), batch_size=8, seed=0, purpose="plain")
    assert sorted(sampler.step(5).tolist()) == [0, 1, 2]
    assert Sampler(documents=np.arange(0), batch_size=8, seed=0, purpose="plain").step(0).tolist() == []


def test_one_instance_of_each_document_is_drawn_uniformly() -> None:
    document = numbers([0, 0, 0, 2, 2, 5])
    zeros = np.zeros(6, dtype=np.int64)
    uid = np.array([2**63 + 5, 11, 12, 13, 14, 15], dtype=np.uint64)
    instances = Instances(
        uid=uid, document=document, head=zeros, tail=zeros, relation=zeros, pair=np.arange(6), relations=("P0",)
    )
    draws = np.stack([sample_instances(instances, np.arange(6), seed=0, step=step) for step in range(600)])
    assert (document[draws] == [0, 2, 5]).all()
    counts = np.bincount(draws.ravel(), minlength=6)
    assert counts.tolist() == pytest.approx([200, 200, 200, 300, 300, 600], abs=60)
    fewer = sample_instances(instances, numbers([1, 2, 4]), seed=0, step=0)
    assert set(fewer.tolist()) <= {1, 2, 4}
    assert len(fewer) == 2
