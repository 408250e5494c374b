"""Documents of a step: each once per epoch, a pure function of seed and step, of similar length if requested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.pretraining.sampling import PairSampler, Sampler, entity_pairs, relation_pairs
from finecl.testing import samples
from finecl.training.data_order import epoch_order
from finecl.types import Instances


@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 99), st.booleans())
def test_every_document_occurs_once_per_epoch(count: int, size: int, seed: int, grouped: bool) -> None:
    documents = np.arange(count) * 3
    lengths = np.random.default_rng(seed).integers(1, 500, count) if grouped else None
    order = epoch_order(documents, size, seed, "x", 2, lengths)
    assert sorted(order.tolist()) == documents.tolist()
    assert order.tolist() == epoch_order(documents, size, seed, "x", 2, lengths).tolist()
    if count > 20 * (size if grouped else 1):  # of few groups the order may be the same by chance
        assert order.tolist() != epoch_order(documents, size, seed, "x", 3, lengths).tolist()


def test_steps_group_similar_lengths_and_are_shuffled() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 2000)
    order = epoch_order(np.arange(2000), 16, 0, "x", 0, lengths)
    steps = lengths[order].reshape(-1, 16)
    plain = lengths[epoch_order(np.arange(2000), 16, 0, "x", 0)].reshape(-1, 16)
    assert np.ptp(steps, axis=1).mean() < 0.1 * np.ptp(plain, axis=1).mean()
    assert abs(np.corrcoef(np.arange(len(steps)), steps.mean(axis=1))[0, 1]) < 0.3


@pytest.mark.parametrize("grouped", [False, True])
def test_a_sampler_resumes_at_any_step(grouped: bool) -> None:
    documents, lengths = np.arange(50), np.arange(50)[::-1] + 1
    sampler = Sampler(documents=documents, batch_size=8, seed=1, purpose="p", lengths=lengths if grouped else None)
    uninterrupted = [sampler.step(step).tolist() for step in range(12)]
    assert [sampler.step(step).tolist() for step in reversed(range(12))] == uninterrupted[::-1]
    assert all(len(set(step)) == 8 for step in uninterrupted)
    assert len({d for step in uninterrupted[:6] for d in step}) == 48


def instances_of(relations: list[int]) -> Instances:
    count = len(relations)
    return Instances(
        **{**vars(samples.instances(count)), "relation": np.array(relations), "document": np.arange(count)}
    )


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 99))
def test_documents_are_paired_by_relation_each_instance_once(relations: list[int], seed: int) -> None:
    pairs = relation_pairs(instances_of(relations), np.arange(len(relations)), np.random.default_rng(seed))
    assert len(pairs) == sum(relations.count(r) // 2 for r in set(relations))
    assert all(relations[a] == relations[b] for a, b in pairs.tolist())
    assert len(set(pairs.ravel().tolist())) == pairs.size


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(7, 9)), min_size=1, max_size=20), st.integers(0, 99))
def test_documents_are_paired_by_entity_pair_and_by_one_entity(keys: list[tuple[int, int]], seed: int) -> None:
    head, tail = np.array(keys).T
    pairs = entity_pairs(np.arange(len(keys)), head, tail, 8, np.random.default_rng(seed)).tolist()
    same = {tuple(sorted(pair)) for pair in pairs if keys[pair[0]] == keys[pair[1]]}
    sizes = [min(8, keys.count(key)) for key in set(keys)]
    assert len(same) == sum(n * (n - 1) // 2 for n in sizes)
    others = [pair for pair in pairs if keys[pair[0]] != keys[pair[1]]]
    assert all((head[a] == head[b]) ^ (tail[a] == tail[b]) for a, b in others)
    assert len(others) in (0, len(same))


def test_the_number_of_sentences_per_entity_pair_is_limited() -> None:
    ones = np.ones(30, dtype=np.int64)
    pairs = entity_pairs(np.arange(30), ones, ones, 5, np.random.default_rng(0))
    assert len(pairs) == 10
    assert len(set(pairs.ravel().tolist())) == 5


def test_a_pair_sampler_resumes_at_any_step() -> None:
    relations = [n % 3 for n in range(40)]
    drawn = PairSampler(
        epoch_pairs=lambda draw: relation_pairs(instances_of(relations), np.arange(40), draw),
        batch_size=8,
        seed=1,
        purpose="relation-pairs",
    )
    uninterrupted = [drawn.step(step).tolist() for step in range(12)]
    assert [drawn.step(step).tolist() for step in reversed(range(12))] == uninterrupted[::-1]
    assert all(
        relations[a] == relations[b] for step in uninterrupted for a, b in zip(step[::2], step[1::2], strict=True)
    )
    assert uninterrupted[0] != uninterrupted[4]
