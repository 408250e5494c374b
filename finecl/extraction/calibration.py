"""Scores as probabilities: one temperature, fitted on dev, and how far what it gives is from the truth.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: section 2 (the error), section 4.2 (the temperature).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from finecl.types import Bools, Floats, Ints

Kind = Literal["probability", "log-odds", "competing"]
_LEAST, _MOST = 0.05, 20.0  # temperatures that are tried
_SURE = 1e-7  # a probability is not nearer to 0 or 1: float32 has no number for it


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How an extractor's scores become probabilities: their log-odds are divided by ``temperature``.

    ``kind`` says what the scores are: a "probability" of each relation on its own (document extractors), "log-odds" of
    each on its own (an adaptive threshold), or "competing" log-odds against no-relation, of which at most one relation
    holds (marked sentences): these go through a softmax in which no-relation has 0.
    """

    kind: Kind = "probability"
    temperature: float = 1.0

    @classmethod
    def of(cls, config: Mapping[str, Any], *, marked: bool) -> Calibration:
        """What an extractor's config says; where it says nothing, the extractor's own scores."""
        found = config.get("calibration") or {"kind": "competing" if marked else "probability"}
        return cls(**{name: found[name] for name in ("kind", "temperature") if name in found})

    def to_dict(self) -> dict[str, Any]:
        """For an extractor's config."""
        return asdict(self)

    def probabilities(self, scores_PR: Floats) -> Floats:
        """Probabilities of scores of the same shape; of competing ones the last axis is that of the relations."""
        logits = self._log_odds(scores_PR)
        if self.kind != "competing":
            return _sigmoid(logits)
        shares: Floats = np.exp(logits - _log_sum(logits)[..., None]).astype(np.float32)
        return shares

    def at(self, scores_PR: Floats, pair: Ints, relation: Ints) -> Floats:
        """The probabilities of some entries of ``scores_PR`` [P, relations]."""
        if self.kind != "competing":
            return self.probabilities(scores_PR[pair, relation])
        return self.probabilities(scores_PR[pair])[np.arange(len(pair)), relation]

    def loss(self, scores_PR: Floats, correct_PR: Bools) -> float:
        """The mean negative log-likelihood of what is correct, a pair."""
        logits = self._log_odds(scores_PR)
        if self.kind != "competing":
            terms = np.logaddexp(0.0, logits).sum(dtype=np.float64) - logits[correct_PR].sum(dtype=np.float64)
        else:
            asked = np.maximum(1, correct_PR.sum(axis=1))  # a pair of two labels is two draws
            terms = (_log_sum(logits) * asked).sum(dtype=np.float64) - logits[correct_PR].sum(dtype=np.float64)
        return float(terms) / max(1, len(scores_PR))

    def _log_odds(self, scores: Floats) -> Floats:
        if self.kind == "probability":
            within = np.clip(scores.astype(np.float64), _SURE, 1 - _SURE)
            found = np.log(within) - np.log1p(-within)
        else:
            found = scores.astype(np.float64)
        divided: Floats = (found / self.temperature).astype(np.float32)
        return divided


def _sigmoid(logits: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0.0, -logits)).astype(np.float32)
    return found


def _log_sum(logits: Floats) -> Floats:
    """log(1 + sum of exp) over the last axis: no-relation has 0."""
    most = np.maximum(logits.max(axis=-1), 0.0)
    found: Floats = most + np.log(np.exp(-most) + np.exp(logits - most[..., None]).sum(axis=-1))
    return found


def fit_calibration(scores_PR: Floats, correct_PR: Bools, *, marked: bool) -> Calibration:
    """The temperature that makes what is correct likeliest.

    ``marked`` says that the scores are those of marked sentences, of which the relations compete. Others are taken for
    probabilities if all lie between 0 and 1, else for log-odds.

    *Shape:* both [P, relations].
    """
    from scipy.optimize import minimize_scalar

    kind: Kind = "competing" if marked else "log-odds"
    if not marked and len(scores_PR) and scores_PR.min() >= 0 and scores_PR.max() <= 1:
        kind = "probability"

    def loss(log_temperature: float) -> float:
        return Calibration(kind=kind, temperature=float(np.exp(log_temperature))).loss(scores_PR, correct_PR)

    # Convex in 1 / temperature, so there is one minimum.
    bounds = (float(np.log(_LEAST)), float(np.log(_MOST)))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return Calibration(kind=kind, temperature=round(float(np.exp(found.x)), 4))


def expected_calibration_error(probability_PR: Floats, correct_PR: Bools, bins: int = 15) -> float:
    """How far the probability of each pair's likeliest relation is from how often it is right, a fraction 0 .. 1.

    Pairs are put into ``bins`` of equal width by that probability; the error is the mean over pairs of the distance
    between a bin's mean probability and its share of right ones.

    *Shape:* both [P, relations].
    """
    if not probability_PR.size:
        return 0.0
    best = probability_PR.argmax(axis=1)
    rows = np.arange(len(best))
    said, right = probability_PR[rows, best].astype(np.float64), correct_PR[rows, best].astype(np.float64)
    number = np.minimum((said * bins).astype(np.int64), bins - 1)
    distance = np.bincount(number, weights=said, minlength=bins) - np.bincount(number, weights=right, minlength=bins)
    return float(np.abs(distance).sum() / len(best))


def calibration_errors(calibration: Calibration, scores_PR: Floats, correct_PR: Bools) -> dict[str, float]:
    """``ece``, the expected calibration error, and ``ece_uncalibrated``, what it is without the temperature."""
    plain = Calibration(kind=calibration.kind)
    return {
        "ece": expected_calibration_error(calibration.probabilities(scores_PR), correct_PR),
        "ece_uncalibrated": expected_calibration_error(plain.probabilities(scores_PR), correct_PR),
    }
