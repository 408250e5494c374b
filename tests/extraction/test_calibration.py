"""Temperature and calibration error: fitting recovers a known temperature, and the errors match their definition."""

from __future__ import annotations

import numpy as np
import pytest

from finecl.extraction.calibration import (
    Calibration,
    Kind,
    calibration_errors,
    expected_calibration_error,
    fit_calibration,
)
from finecl.types import Bools, Floats


def _drawn(kind: Kind, temperature: float, seed: int = 0) -> tuple[Floats, Bools]:
    """Returns scores, and truth sampled with the probabilities that this temperature gives them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (4000, 4)).astype(np.float32)
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32) if kind == "probability" else logits
    likely = Calibration(kind=kind, temperature=temperature).probabilities(scores)
    if kind != "competing":
        return scores, rng.random(likely.shape) < likely
    ends = np.cumsum(likely, axis=1)
    drawn = rng.random((len(likely), 1))
    return scores, (drawn < ends) & (drawn >= ends - likely)


@pytest.mark.parametrize("kind", ["probability", "log-odds", "competing"])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_fitting_recovers_the_temperature_of_the_truth(kind: Kind, temperature: float) -> None:
    scores, correct = _drawn(kind, temperature)
    calibration = fit_calibration(scores, correct, marked=kind == "competing")
    assert calibration.kind == kind
    assert calibration.temperature == pytest.approx(temperature, rel=0.1)


@pytest.mark.parametrize("kind", ["probability", "log-odds", "competing"])
def test_fitting_reduces_the_error_of_overconfident_scores(kind: Kind) -> None:
    scores, correct = _drawn(kind, 3.0)
    calibration = fit_calibration(scores, correct, marked=kind == "competing")
    errors = calibration_errors(calibration, scores, correct)
    assert errors["ece"] < 0.03 < 0.1 < errors["ece_uncalibrated"]


def test_the_error_equals_its_definition() -> None:
    probability = np.array([[0.95, 0.1], [0.91, 0.2], [0.3, 0.35], [0.32, 0.1], [1.0, 0.0]], dtype=np.float32)
    correct = np.array([[True, False], [False, True], [False, True], [False, False], [True, True]])
    # the most likely of each pair, in ten bins: 0.3 .. 0.4 holds 0.35 (right) and 0.32 (wrong), 0.9 .. 1 the others
    expected = abs((0.35 + 0.32) - 1) / 5 + abs((0.95 + 0.91 + 1.0) - 2) / 5
    assert expected_calibration_error(probability, correct, bins=10) == pytest.approx(expected, abs=1e-6)
    assert expected_calibration_error(probability[:0], correct[:0]) == 0.0


def test_competing_probabilities_leave_room_for_no_relation() -> None:
    scores = np.array([[0.0, 0.0], [50.0, -50.0], [-50.0, -50.0]], dtype=np.float32)
    probabilities = Calibration(kind="competing").probabilities(scores)
    assert probabilities == pytest.approx(np.array([[1 / 3, 1 / 3], [1, 0], [0, 0]]), abs=1e-6)
    pair, relation = np.array([1, 0]), np.array([0, 1])
    assert Calibration(kind="competing").at(scores, pair, relation) == pytest.approx([1, 1 / 3])


def test_a_temperature_of_one_keeps_probabilities() -> None:
    scores = np.array([[0.0, 0.2, 0.999, 1.0]], dtype=np.float32)
    assert Calibration().probabilities(scores) == pytest.approx(scores, abs=2e-7)


def test_the_loss_is_the_mean_negative_log_likelihood() -> None:
    scores = np.array([[0.8, 0.3], [0.1, 0.6]], dtype=np.float32)
    correct = np.array([[True, False], [False, False]])
    expected = -(np.log(0.8) + np.log(0.7) + np.log(0.9) + np.log(0.4)) / 2
    assert Calibration().loss(scores, correct) == pytest.approx(expected, rel=1e-5)
    logits = np.array([[1.0, 2.0], [0.5, -1.0]], dtype=np.float32)
    competing = -(np.log(np.e / (1 + np.e + np.e**2)) + np.log(1 / (1 + np.exp(0.5) + np.exp(-1)))) / 2
    assert Calibration(kind="competing").loss(logits, correct) == pytest.approx(competing, rel=1e-5)


def test_configs_without_a_calibration_use_the_kind_of_their_scores() -> None:
    assert Calibration.of({}, marked=False) == Calibration()
    assert Calibration.of({}, marked=True) == Calibration(kind="competing")
    calibration = Calibration(kind="log-odds", temperature=1.7)
    assert Calibration.of({"calibration": calibration.to_dict()}, marked=False) == calibration
