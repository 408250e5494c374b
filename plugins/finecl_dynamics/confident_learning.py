"""Confident learning: label quality from out-of-sample predictions (Northcutt et al., JAIR 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from finecl.errors import PluginError
from finecl.types import Evidence, EvidenceKind, Floats, Instances, NoiseScorer


@dataclass(frozen=True, kw_only=True)
class ConfidentLearning(NoiseScorer):
    """Noise = 1 - cleanlab's label quality, from the probabilities of proxies that did not train on the document.

    ``method``: cleanlab's score. ``adjust``: first subtracts each relation's mean confidence from the probabilities, as
    confident learning's thresholds do; cleanlab does not support this with "confidence_weighted_entropy".
    For a pair with several labels, each label competes only with relations that the pair does not have.
    Requires the extra ``cleanlab``, and ``proxy.folds`` trainings of the proxy.
    """

    required_evidence: ClassVar[tuple[EvidenceKind, ...]] = ("held-out",)

    method: Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"] = "normalized_margin"
    adjust: bool = False

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns 1 - quality ``[N]``, in [0, 1]; +inf for instances without a prediction.

        Raises:
            PluginError: cleanlab is not installed.
        """
        try:
            from cleanlab.rank import get_label_quality_scores
        except ImportError:
            raise PluginError("scorer 'confident-learning' requires cleanlab: pip install 'finecl[cleanlab]'") from None
        logits_NR = np.asarray(evidence.array("held-out"), dtype=np.float64)
        noise = np.full(len(instances), np.inf, dtype=np.float32)
        shown = np.flatnonzero(~np.isnan(logits_NR).any(axis=1))
        if len(shown):
            probabilities = _probabilities(logits_NR[shown], instances, shown)
            quality = get_label_quality_scores(
                instances.relation[shown], probabilities, method=self.method, adjust_pred_probs=self.adjust
            )
            noise[shown] = 1.0 - np.asarray(quality)
        return noise


def _probabilities(logits_NR: np.ndarray, instances: Instances, shown: np.ndarray) -> np.ndarray:
    """Computes the softmax over each label and the relations that its pair does not have ``[N, R]``."""
    labels = np.zeros((int(instances.pair.max()) + 1, logits_NR.shape[1]), dtype=np.bool_)
    labels[instances.pair, instances.relation] = True
    other_labels = labels[instances.pair[shown]]
    other_labels[np.arange(len(shown)), instances.relation[shown]] = False
    logits_NR = np.where(other_labels, -np.inf, logits_NR)
    shifted = np.exp(logits_NR - logits_NR.max(axis=1, keepdims=True))
    probabilities: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
