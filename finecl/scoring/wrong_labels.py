"""The probability that each silver label is wrong, from its noise, and from verdicts where there are some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.metrics.counts import dense_ranks
from finecl.numerics.mixture import Doubles, probability_right
from finecl.types import Bools, Floats, Generator, Ints

_ENOUGH = 20  # verdicts, of both kinds, from which probabilities are refitted
_ROUNDS = 100  # of the bootstrap
_SAMPLED = 20_000  # labels of a bootstrap sample, at most
_LEAST = 1e-4  # probabilities are kept from 0 and 1 by this, so that their log-odds are finite


@dataclass(frozen=True, kw_only=True)
class WrongLabels:
    """The probability that each label is wrong ``[N]``, and the estimated share of wrong labels.

    ``low`` and ``high`` bound the 95 % interval of the share by the bootstrap over labels, or over verdicts if there
    are enough. The interval tells how exact the estimate is if its model of the noise is right, not whether it is.
    ``source``: "mixture" of two Gaussians fitted to the noise, "verdicts", or "none" if all labels have the same noise;
    then the probabilities are 0 and the share is unknown (None).
    """

    p_wrong: Floats
    share: float | None
    low: float | None
    high: float | None
    source: str

    def record(self) -> dict[str, object]:
        """Returns the estimate as a record."""
        interval = None if self.low is None else [self.low, self.high]
        return {"wrong_share": self.share, "wrong_share_interval": interval, "wrong_share_source": self.source}


def wrong_labels(noise: Floats, wrong: Bools, right: Bools, confidence_EN: Floats | None = None) -> WrongLabels:
    """Estimates the probability that each label is wrong; it never falls with noise.

    Without verdicts: a mixture of two Gaussians of one variance (``finecl.numerics.mixture``), of the noise, or with
    the proxy's confidences of one minus their running maximum, averaged over epochs. That number has the shape which
    the mixture assumes, whatever the scorer's noise is like; its probabilities are then averaged over labels of like
    noise (isotonic regression), which keeps their mean. With at least 20 verdicts, some of them of either kind:
    logistic regression of the verdicts on the log-odds of this (Platt scaling). Labels with a verdict get 1 or 0.

    *Shape:* ``noise`` (higher = noisier), ``wrong`` and ``right`` (the verdicts) [N]; ``confidence_EN`` [E, N].
    """
    if not len(noise) or noise.min() == noise.max():
        return WrongLabels(p_wrong=wrong.astype(np.float32), share=None, low=None, high=None, source="none")
    judged, generator = np.flatnonzero(wrong | right), np.random.default_rng(0)
    from_verdicts = len(judged) >= _ENOUGH and bool(wrong.any()) and bool(right.any())
    mixed = noise if confidence_EN is None else _doubt(confidence_EN)
    p_wrong = 1.0 - probability_right(mixed)
    if confidence_EN is not None:
        p_wrong = _averaged(p_wrong, noise)
    if from_verdicts:
        log_odds = _log_odds(p_wrong)
        p_wrong = _refitted(log_odds, judged, wrong)
        shares = [float(_refitted(log_odds, rows, wrong).mean()) for rows in _samples(judged, wrong, generator)]
    else:
        size = min(len(noise), _SAMPLED)
        rows_of = (generator.integers(0, len(noise), size) for _ in range(_ROUNDS))
        shares = [1.0 - float(probability_right(mixed[rows]).mean()) for rows in rows_of]
    share = float(p_wrong.mean())
    low, high = (float(bound) for bound in np.quantile(shares, [0.025, 0.975]))
    return WrongLabels(
        p_wrong=np.where(wrong, 1.0, np.where(right, 0.0, p_wrong)).astype(np.float32),
        share=share,
        low=min(share, low),
        high=max(share, high),
        source="verdicts" if from_verdicts else "mixture",
    )


def _doubt(confidence_EN: Floats) -> Floats:
    """Returns one minus the highest confidence so far, averaged over epochs ``[N]``."""
    doubt: Floats = (1.0 - np.maximum.accumulate(confidence_EN, axis=0).mean(axis=0)).astype(np.float32)
    return doubt


def _averaged(p_wrong: Doubles, noise: Floats) -> Doubles:
    """Returns the probabilities as a function of noise that never falls, by isotonic regression ``[N]``."""
    from sklearn.isotonic import IsotonicRegression

    ranks = dense_ranks(noise).astype(np.float64)  # infinite noise has the highest rank
    averaged: Doubles = IsotonicRegression().fit_transform(ranks, p_wrong)
    return averaged


def _log_odds(p_wrong: Doubles) -> Doubles:
    clipped = np.clip(p_wrong, _LEAST, 1 - _LEAST)
    log_odds: Doubles = np.log(clipped / (1 - clipped))
    return log_odds


def _refitted(log_odds: Doubles, judged: Ints, wrong: Bools) -> Doubles:
    """Returns the probability that each label is wrong ``[N]``, fitted to the verdicts on ``judged``."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(log_odds[judged, None], wrong[judged])
    probabilities: Doubles = model.predict_proba(log_odds[:, None])[:, 1]
    return probabilities


def _samples(judged: Ints, wrong: Bools, generator: Generator) -> list[Ints]:
    """Returns bootstrap samples of the judged labels that hold both kinds of verdicts."""
    samples = [generator.choice(judged, len(judged)) for _ in range(_ROUNDS)]
    return [rows for rows in samples if 0 < wrong[rows].sum() < len(rows)]
