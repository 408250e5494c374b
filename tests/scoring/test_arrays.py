"""Tests of noise scores from arrays: the dynamics equal those of the recorder, and faulty arrays are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from finecl.errors import SettingsError
from finecl.scoring import noise_scores
from finecl.scoring.arrays import class_dynamics
from finecl.scoring.dynamics import label_dynamics

LOGITS = np.random.default_rng(0).normal(0, 3, (4, 30, 5))
LABELS = np.random.default_rng(1).integers(0, 5, 30)


def test_dynamics_equal_those_recorded_in_training() -> None:
    found = class_dynamics(LOGITS, LABELS).columns()
    rows, classes = torch.arange(30), torch.from_numpy(LABELS)
    for epoch, logits in enumerate(torch.from_numpy(LOGITS).float()):
        hot = torch.nn.functional.one_hot(classes, 5).float()
        for name, column in label_dynamics(logits, hot, rows, classes).items():
            np.testing.assert_allclose(found[name][epoch], column.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scorer", ["learning-order", "area-under-margin", "confidence", "small-loss", "forgetting"])
def test_labels_against_the_logits_are_the_noisiest(scorer: str) -> None:
    logits = np.zeros((3, 20, 2))
    logits[:, :, 0] = 4  # every example is of class 0
    labels = np.arange(20) // 15
    if scorer == "forgetting":  # counts what was learned and lost
        logits[1, 15:] = [0, 4]
    settings = {"floor": 0.0} if scorer == "learning-order" else {}
    noise = noise_scores(labels, logits_ENC=logits, scorer=scorer, **settings)
    assert noise[15:].min() > noise[:15].max()


def test_probabilities_of_another_classifier_serve_confident_learning() -> None:
    pytest.importorskip("cleanlab", reason="cleanlab is not installed")
    probabilities = np.full((40, 2), 0.1)
    classes = np.arange(40) % 2
    probabilities[np.arange(40), classes] = 0.9
    labels = classes.copy()
    labels[:4] = 1 - labels[:4]
    noise = noise_scores(labels, pred_probs=probabilities, scorer="confident-learning")
    assert noise[:4].min() > noise[4:].max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "got both or neither"),
        ({"logits_ENC": LOGITS, "pred_probs": LOGITS[0]}, "got both or neither"),
        ({"logits_ENC": LOGITS[0]}, r"expected labels \[N\] and outputs \[E, N, C\]"),
        ({"logits_ENC": LOGITS[:, :, :3]}, "expected labels from 0 to 2"),
        ({"logits_ENC": LOGITS * np.nan}, "expected finite outputs"),
        ({"logits_ENC": LOGITS, "scorer": "knn"}, "scorer 'knn' needs representations"),
    ],
)
def test_faulty_arrays_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        noise_scores(LABELS, **arguments)


def test_ties_of_learning_order_are_broken_within_epochs_only() -> None:
    plain = noise_scores(LABELS, logits_ENC=LOGITS, scorer="learning-order", floor=0.0)
    untied = noise_scores(LABELS, logits_ENC=LOGITS, scorer="learning-order", floor=0.0, ties="confidence")
    finite = np.isfinite(plain)
    assert (np.isfinite(untied) == finite).all()
    assert (np.floor(untied[finite]) == plain[finite]).all()
    assert len(np.unique(untied[finite])) == finite.sum()
    confidence = class_dynamics(LOGITS, LABELS).confidence.mean(axis=0)
    for epoch in np.unique(plain[finite]):
        same = plain == epoch
        assert (np.argsort(untied[same]) == np.argsort(-confidence[same])).all()
