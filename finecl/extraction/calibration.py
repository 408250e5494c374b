"""Temperature scaling: converts scores to probabilities, with a temperature fitted on dev, and measures their error.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: section 2 (the error), section 4.2 (the temperature).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from finecl.types import Bools, Floats, Ints

Kind = Literal["probability", "log-odds", "competing"]
_LEAST, _MOST = 0.05, 20.0  # range of the temperature
_SURE = 1e-7  # probabilities are clipped to [1e-7, 1 - 1e-7], the resolution of float32


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Converts the scores of an extractor to probabilities: divides their log-odds by ``temperature``.

    ``kind`` is the type of the scores: an independent "probability" of each relation (document extractors), independent
    "log-odds" of each relation (adaptive threshold), or "competing" log-odds against no-relation, of which at most one
    relation is correct (marked sentences): these go through a softmax in which no-relation has the log-odds 0.
    """

    kind: Kind = "probability"
    temperature: float = 1.0

    @classmethod
    def of(cls, config: Mapping[str, Any], *, marked: bool) -> Calibration:
        """Reads the calibration from the config of an extractor; the default leaves the scores unchanged."""
        record = config.get("calibration") or {"kind": "competing" if marked else "probability"}
        return cls(**{name: record[name] for name in ("kind", "temperature") if name in record})

    def to_dict(self) -> dict[str, Any]:
        """Returns the record for the config of an extractor."""
        return asdict(self)

    def probabilities(self, scores_PR: Floats) -> Floats:
        """Returns the probabilities, of the shape of the scores; the last axis of competing scores is the relations."""
        logits = self._log_odds(scores_PR)
        if self.kind != "competing":
            return _sigmoid(logits)
        shares: Floats = np.exp(logits - _log_sum(logits)[..., None]).astype(np.float32)
        return shares

    def at(self, scores_PR: Floats, pair: Ints, relation: Ints) -> Floats:
        """Returns the probabilities of the entries (pair, relation) of ``scores_PR`` [P, relations]."""
        if self.kind != "competing":
            return self.probabilities(scores_PR[pair, relation])
        return self.probabilities(scores_PR[pair])[np.arange(len(pair)), relation]

    def loss(self, scores_PR: Floats, correct_PR: Bools) -> float:
        """Returns the negative log-likelihood of the correct labels, the mean over pairs."""
        logits = self._log_odds(scores_PR)
        if self.kind != "competing":
            terms = np.logaddexp(0.0, logits).sum(dtype=np.float64) - logits[correct_PR].sum(dtype=np.float64)
        else:
            draws_P = np.maximum(1, correct_PR.sum(axis=1))  # a pair with two labels counts twice
            terms = (_log_sum(logits) * draws_P).sum(dtype=np.float64) - logits[correct_PR].sum(dtype=np.float64)
        return float(terms) / max(1, len(scores_PR))

    def _log_odds(self, scores: Floats) -> Floats:
        if self.kind == "probability":
            clipped = np.clip(scores.astype(np.float64), _SURE, 1 - _SURE)
            log_odds = np.log(clipped) - np.log1p(-clipped)
        else:
            log_odds = scores.astype(np.float64)
        divided: Floats = (log_odds / self.temperature).astype(np.float32)
        return divided


def _sigmoid(logits: Floats) -> Floats:
    probabilities: Floats = np.exp(-np.logaddexp(0.0, -logits)).astype(np.float32)
    return probabilities


def _log_sum(logits: Floats) -> Floats:
    """Returns log(1 + sum of exp) over the last axis: no-relation has the logit 0."""
    largest = np.maximum(logits.max(axis=-1), 0.0)
    log_sum: Floats = largest + np.log(np.exp(-largest) + np.exp(logits - largest[..., None]).sum(axis=-1))
    return log_sum


def fit_calibration(scores_PR: Floats, correct_PR: Bools, *, marked: bool) -> Calibration:
    """Fits the temperature: minimizes the negative log-likelihood of the correct labels.

    ``marked`` means scores of marked sentences, whose relations compete. Other scores are probabilities if all lie
    between 0 and 1, else log-odds.

    *Shape:* both [P, relations].
    """
    from scipy.optimize import minimize_scalar

    kind: Kind = "competing" if marked else "log-odds"
    if not marked and len(scores_PR) and scores_PR.min() >= 0 and scores_PR.max() <= 1:
        kind = "probability"

    def loss(log_temperature: float) -> float:
        return Calibration(kind=kind, temperature=float(np.exp(log_temperature))).loss(scores_PR, correct_PR)

    # The loss is convex in 1 / temperature: it has one minimum.
    bounds = (float(np.log(_LEAST)), float(np.log(_MOST)))
    optimum = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return Calibration(kind=kind, temperature=round(float(np.exp(optimum.x)), 4))


def expected_calibration_error(probability_PR: Floats, correct_PR: Bools, bins: int = 15) -> float:
    """Returns the expected calibration error of each pair's most probable relation, a fraction 0 .. 1.

    Sorts pairs into ``bins`` of equal width by that probability; the error is the mean over pairs of the distance
    between the mean probability of a bin and its accuracy (Guo et al. 2017, equation 3).

    *Shape:* both [P, relations].
    """
    if not probability_PR.size:
        return 0.0
    best = probability_PR.argmax(axis=1)
    rows = np.arange(len(best))
    confidence, accuracy = probability_PR[rows, best].astype(np.float64), correct_PR[rows, best].astype(np.float64)
    number = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    distance = np.bincount(number, weights=confidence, minlength=bins) - np.bincount(
        number, weights=accuracy, minlength=bins
    )
    return float(np.abs(distance).sum() / len(best))


def calibration_errors(calibration: Calibration, scores_PR: Floats, correct_PR: Bools) -> dict[str, float]:
    """Returns ``ece``, the expected calibration error, and ``ece_uncalibrated``, the error without the temperature."""
    plain = Calibration(kind=calibration.kind)
    return {
        "ece": expected_calibration_error(calibration.probabilities(scores_PR), correct_PR),
        "ece_uncalibrated": expected_calibration_error(plain.probabilities(scores_PR), correct_PR),
    }
