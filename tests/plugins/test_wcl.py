"""WCL's scorer is 1 - the probability that an extractor trained on gold assigns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from finecl_wcl.confidence import SoftmaxConfidence

from finecl.errors import TrainingError
from finecl.testing import samples
from finecl.types import Evidence, Instances

LOGITS = [[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [-1.0, 4.0, 0.0]]
RELATION = [0, 1, 0]


def instances() -> Instances:
    return Instances(**{**vars(samples.instances(3)), "relation": np.array(RELATION)})


def softmax(row: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in row)
    return [math.exp(value) / total for value in row]


def sigmoid(row: list[float]) -> list[float]:
    return [1 / (1 + math.exp(-value)) for value in row]


@pytest.mark.parametrize(("head", "probabilities"), [("softmax", softmax), ("sigmoid", sigmoid)])
def test_noise_is_one_minus_the_confidence(head: str, probabilities: object) -> None:
    evidence = Evidence(gold=np.array(LOGITS, dtype=np.float32))
    rows = [probabilities(row) for row in LOGITS]  # type: ignore[operator]
    of_label = SoftmaxConfidence(head=head).score(instances(), evidence)  # type: ignore[arg-type]
    assert of_label.tolist() == pytest.approx([1 - row[r] for row, r in zip(rows, RELATION, strict=True)], abs=1e-6)
    of_best = SoftmaxConfidence(head=head, of="argmax").score(instances(), evidence)  # type: ignore[arg-type]
    assert of_best.tolist() == pytest.approx([1 - max(row) for row in rows], abs=1e-6)


def test_what_the_extractor_did_not_see_is_never_clean() -> None:
    logits = np.array([*LOGITS[:2], [np.nan] * 3], dtype=np.float32)
    assert np.isinf(SoftmaxConfidence().score(instances(), Evidence(gold=logits))).tolist() == [False, False, True]


def test_evidence_that_was_not_asked_for_is_not_there() -> None:
    with pytest.raises(TrainingError, match="the evidence holds no 'gold': the scorer must name it"):
        SoftmaxConfidence().score(instances(), Evidence())
