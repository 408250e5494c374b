"""Which documents a step holds: each once an epoch, a pure function of seed and step, of like length if so asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.sampling import Sampler, epoch_order


@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 99), st.booleans())
def test_an_epoch_holds_every_document_once(count: int, size: int, seed: int, grouped: bool) -> None:
    documents = np.arange(count) * 3
    lengths = np.random.default_rng(seed).integers(1, 500, count) if grouped else None
    order = epoch_order(documents, size, seed, "x", 2, lengths)
    assert sorted(order.tolist()) == documents.tolist()
    assert order.tolist() == epoch_order(documents, size, seed, "x", 2, lengths).tolist()
    if count > 20:
        assert order.tolist() != epoch_order(documents, size, seed, "x", 3, lengths).tolist()


def test_documents_of_like_length_are_in_one_step_and_steps_in_no_order() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 2000)
    order = epoch_order(np.arange(2000), 16, 0, "x", 0, lengths)
    steps = lengths[order].reshape(-1, 16)
    plain = lengths[epoch_order(np.arange(2000), 16, 0, "x", 0)].reshape(-1, 16)
    assert np.ptp(steps, axis=1).mean() < 0.1 * np.ptp(plain, axis=1).mean()
    assert abs(np.corrcoef(np.arange(len(steps)), steps.mean(axis=1))[0, 1]) < 0.3


@pytest.mark.parametrize("grouped", [False, True])
def test_a_sampler_goes_on_at_any_step(grouped: bool) -> None:
    documents, lengths = np.arange(50), np.arange(50)[::-1] + 1
    sampler = Sampler(documents=documents, batch_size=8, seed=1, purpose="p", lengths=lengths if grouped else None)
    straight = [sampler.step(step).tolist() for step in range(12)]
    assert [sampler.step(step).tolist() for step in reversed(range(12))] == straight[::-1]
    assert all(len(set(step)) == 8 for step in straight)
    assert len({d for step in straight[:6] for d in step}) == 48
