"""Tests of the probability that a label is wrong: calibrated where noise follows the model, refitted on verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from finecl.scoring.wrong_labels import WrongLabels, wrong_labels
from finecl.types import Bools, Floats

COUNT = 4000


def planted(share: float, distance: float = 2.5) -> tuple[Floats, Bools]:
    """Returns noise of right and wrong labels, normal with means this far apart, and which are wrong."""
    generator = np.random.default_rng(0)
    wrong = generator.random(COUNT) < share
    return (generator.normal(size=COUNT) + distance * wrong).astype(np.float32), wrong


def none() -> Bools:
    return np.zeros(COUNT, dtype=np.bool_)


def calibration_error(estimated: WrongLabels, wrong: Bools) -> float:
    """Returns the expected calibration error in ten bins."""
    bins = np.minimum((estimated.p_wrong * 10).astype(int), 9)
    gaps = [abs(estimated.p_wrong[bins == b].mean() - wrong[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    return float(sum(gaps))


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_the_share_of_wrong_labels_is_found_where_noise_follows_the_model(share: float) -> None:
    noise, wrong = planted(share)
    estimated = wrong_labels(noise, none(), none())
    assert estimated.source == "mixture"
    assert estimated.share == pytest.approx(share, abs=0.05)
    assert estimated.low <= estimated.share <= estimated.high  # type: ignore[operator]
    assert calibration_error(estimated, wrong) < 0.05
    order = np.argsort(noise)
    assert (np.diff(estimated.p_wrong[order]) >= 0).all()


def test_verdicts_correct_a_model_that_does_not_fit() -> None:
    noise, wrong = planted(0.4)
    skewed = np.exp(2 * noise)  # the mixture finds the few largest values only
    generator = np.random.default_rng(1)
    judged = np.zeros(COUNT, dtype=np.bool_)
    judged[generator.permutation(COUNT)[:200]] = True
    alone = wrong_labels(skewed, none(), none())
    refitted = wrong_labels(skewed, judged & wrong, judged & ~wrong)
    assert refitted.source == "verdicts"
    assert abs(refitted.share - 0.4) < 0.05 < abs(alone.share - 0.4)  # type: ignore[operator]
    assert set(refitted.p_wrong[judged & wrong].tolist()) == {1.0}
    assert set(refitted.p_wrong[judged & ~wrong].tolist()) == {0.0}


def test_too_few_verdicts_count_for_their_labels_only() -> None:
    noise, wrong = planted(0.4)
    first = np.arange(COUNT) < 10
    estimated = wrong_labels(noise, first & wrong, first & ~wrong)
    assert estimated.source == "mixture"
    assert estimated.p_wrong[first].tolist() == wrong[first].astype(float).tolist()


def test_equal_noise_gives_no_estimate() -> None:
    estimated = wrong_labels(np.ones(COUNT, dtype=np.float32), none(), none())
    assert (estimated.share, estimated.source, estimated.p_wrong.max()) == (None, "none", 0.0)
    assert estimated.record()["wrong_share_interval"] is None


def test_labels_that_were_never_learned_are_the_most_suspicious() -> None:
    noise, _ = planted(0.4)
    noise[:100] = np.inf
    estimated = wrong_labels(noise, none(), none())
    assert estimated.p_wrong[:100].min() >= estimated.p_wrong[100:].max()


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_confidences_give_the_share_for_noise_of_any_shape(share: float) -> None:
    base, wrong = planted(share, distance=3.0)
    doubt = np.clip(0.2 + 0.12 * base, 0, 1)
    confidence_EN = np.stack([1 - doubt] * 3).astype(np.float32)
    order = np.argsort(np.argsort(base)).astype(np.float32)
    skewed = np.where(order > 0.99 * COUNT, np.inf, np.exp(order / 300)).astype(np.float32)
    estimated = wrong_labels(skewed, none(), none(), confidence_EN)
    assert estimated.share == pytest.approx(share, abs=0.05)
    assert calibration_error(estimated, wrong) < 0.05
    assert (np.diff(estimated.p_wrong[np.argsort(skewed)]) >= 0).all()
    alone = wrong_labels(skewed, none(), none())
    assert abs(alone.share - share) > 0.05  # type: ignore[operator]
