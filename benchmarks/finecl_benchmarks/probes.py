"""Probes of a frozen encoder: what its pair vectors tell about relations without fine-tuning.

Shape letters: I labelled pairs of training documents, J of test documents, D size of a pair vector.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeClassifier

from finecl.types import Floats, Ints


def probe(train_ID: Floats, train_I: Ints, test_JD: Floats, test_J: Ints) -> dict[str, float]:
    """Measures the vectors of labelled pairs (heads and tails side by side) and their relations' numbers.

    Vectors are divided by their length. Pairs beyond the encoder's window (NaN) are left out and counted.

    Returns ``nearest`` and ``ridge``: accuracy on test of the nearest training vector and of ridge regression
    (alpha 1), in 0..1; ``alignment``: mean squared distance of test vectors with the same relation; ``uniformity``:
    logarithm of the mean of exp(-2 d^2) over pairs of test vectors (both Wang and Isola, ICML 2020; smaller is better);
    ``effective_rank`` of the centred test vectors (Roy and Vetterli, EUSIPCO 2007); ``left_out``: pairs without vector.
    """
    (train_ID, train_I, few), (test_JD, test_J, less) = _unit(train_ID, train_I), _unit(test_JD, test_J)
    nearest = train_I[(test_JD @ train_ID.T).argmax(axis=1)]
    ridge = RidgeClassifier(alpha=1.0).fit(train_ID, train_I).predict(test_JD)
    squared_JJ = np.clip(2.0 - 2.0 * test_JD @ test_JD.T, 0.0, None)
    others_JJ = ~np.eye(len(test_J), dtype=bool)
    same_JJ = (test_J[:, None] == test_J[None, :]) & others_JJ
    return {
        "nearest": float((nearest == test_J).mean()),
        "ridge": float((ridge == test_J).mean()),
        "alignment": float(squared_JJ[same_JJ].mean()),
        "uniformity": float(np.log(np.exp(-2.0 * squared_JJ[others_JJ]).mean())),
        "effective_rank": _effective_rank(test_JD),
        "left_out": float(few + less),
    }


def _unit(vectors_ID: Floats, relation_I: Ints) -> tuple[Floats, Ints, int]:
    """Returns vectors of length 1 and their relations, without missing ones, and the number of missing ones."""
    known_I = ~np.isnan(vectors_ID).any(axis=1)
    vectors_ID = vectors_ID[known_I].astype(np.float64)
    return vectors_ID / np.linalg.norm(vectors_ID, axis=1, keepdims=True), relation_I[known_I], int((~known_I).sum())


def _effective_rank(vectors_JD: Floats) -> float:
    """Returns exp of the entropy of the singular values, as shares of their sum."""
    share = np.linalg.svd(vectors_JD - vectors_JD.mean(axis=0), compute_uv=False)
    share = share[share > 0] / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))
