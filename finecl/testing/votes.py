"""The contract of labelers and label models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from finecl.testing import samples
from finecl.testing.assertions import require, require_valid_settings, run_twice
from finecl.types import Labeler, LabelModel, Votes, vote_fault


def check_labeler(factory: Callable[..., Labeler], source: str = "", **settings: object) -> None:
    """Checks that each document gets votes on its own pairs, in order, twice alike, and that labels are not read.

    ``source`` is what stands after the colon of ``--with NAME:SOURCE``.
    """
    name = require_valid_settings(factory, positional=1)
    labeler = factory(source, **settings)
    require(not list(labeler.votes([])), f"{name}: votes() must yield nothing for no documents")
    for documents in samples.documents():
        given = run_twice(name, documents, lambda documents=documents: list(labeler.votes(iter(documents))))  # type: ignore[misc]
        require(len(given) == len(documents), f"{name}: votes() must yield one sequence of votes for each document")
        for votes, document in zip(given, documents, strict=True):
            fault = vote_fault(votes, document)
            require(fault is None, f"{name}: {fault}")
        bare = [samples.without_labels(document) for document in documents]
        require(list(labeler.votes(bare)) == given, f"{name}: votes must not depend on the documents' labels")


def check_label_model(factory: Callable[..., LabelModel], **settings: object) -> None:
    """Checks that the probabilities of each pair sum to 1, and that sources that all agree are believed."""
    name = require_valid_settings(factory)
    model = factory(**settings)
    generator = np.random.default_rng(0)
    pairs, sources, relations = 60, 3, 4
    truth = generator.integers(0, relations + 1, pairs)
    pair, source = np.divmod(np.arange(pairs * sources), sources)
    voted = truth[pair].copy()
    is_wrong = (source == generator.integers(0, sources, pairs)[pair]) & (pair % 3 == 0)  # one of three, on some pairs
    voted[is_wrong] = (voted[is_wrong] + 1) % (relations + 1)
    votes = Votes(
        pair=pair,
        source=source,
        relation=voted,
        confidence=np.ones(len(pair), dtype=np.float32),
        pairs=pairs,
        sources=("a", "b", "c"),
        relations=("r0", "r1", "r2", "r3"),
    )
    probability = np.asarray(run_twice(name, votes, lambda: model.probabilities(votes)))
    shape = (pairs, relations + 1)
    require(probability.shape == shape, f"{name}: probabilities() must return shape {shape}, got {probability.shape}")
    require(bool(np.isfinite(probability).all()), f"{name}: probabilities must be finite")
    require(np.allclose(probability.sum(axis=1), 1, atol=1e-3), f"{name}: probabilities of a pair must sum to 1")
    agreed = pair[np.setdiff1d(np.arange(len(pair)), np.flatnonzero(np.isin(pair, pair[is_wrong])))]
    chosen = probability.argmax(axis=1)
    right = bool((chosen[agreed] == truth[agreed]).all())
    require(right, f"{name}: a relation that all sources vote for must be the most probable")
