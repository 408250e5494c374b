"""Tests of the probes of frozen encoders, on vectors whose values follow from their definitions."""

from __future__ import annotations

import math

import numpy as np
from finecl_benchmarks.probes import probe

CORNERS = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [0.0, -1.0]], dtype=np.float32)


def test_vectors_of_one_direction_per_relation_are_told_apart_and_aligned() -> None:
    numbers = np.array([0, 1, 2, 3])
    measured = probe(CORNERS, numbers, np.concatenate([CORNERS, 5 * CORNERS]), np.concatenate([numbers, numbers]))
    assert measured["nearest"] == measured["ridge"] == 1.0
    assert abs(measured["alignment"]) < 1e-12
    assert math.isclose(measured["effective_rank"], 2.0)
    # of 7 others, 1 is the same vector, 2 + 2 stand at a right angle (d^2 = 2), 2 are opposite (d^2 = 4)
    expected = math.log((1 + 4 * math.exp(-4) + 2 * math.exp(-8)) / 7)
    assert math.isclose(measured["uniformity"], expected, rel_tol=1e-6)


def test_alignment_is_the_mean_squared_distance_within_relations() -> None:
    measured = probe(CORNERS, np.array([0, 1, 0, 1]), CORNERS, np.array([0, 0, 1, 1]))
    assert math.isclose(measured["alignment"], 2.0, rel_tol=1e-6)
    assert measured["nearest"] == 0.5


def test_pairs_beyond_the_window_are_left_out_and_counted() -> None:
    train = np.concatenate([CORNERS, np.full((1, 2), np.nan, dtype=np.float32)])
    measured = probe(train, np.array([0, 1, 2, 3, 0]), CORNERS[:3].repeat(2, axis=0), np.array([0, 0, 1, 1, 2, 2]))
    assert (measured["left_out"], measured["nearest"]) == (1.0, 1.0)
