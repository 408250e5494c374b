"""Confident learning: labels that a model which has not seen them doubts (Northcutt et al., JAIR 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from finecl.errors import PluginError
from finecl.types import Evidence, EvidenceKind, Floats, Instances


@dataclass(frozen=True, kw_only=True)
class ConfidentLearning:
    """Noise = 1 - cleanlab's label quality, from the probabilities of proxies that did not train on the document.

    ``method``: cleanlab's score. ``adjust``: probabilities are first lessened by each relation's mean confidence, as
    confident learning's thresholds do; cleanlab does not combine that with "confidence_weighted_entropy".
    Of a pair of several labels each is judged against the relations that the pair does not carry.
    Needs the extra ``cleanlab``, and ``proxy.folds`` trainings of the proxy.
    """

    needs: ClassVar[tuple[EvidenceKind, ...]] = ("held-out",)

    method: Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"] = "normalized_margin"
    adjust: bool = False

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """1 - quality ``[N]``, in [0, 1]; +inf for what no proxy was asked about.

        Raises:
            PluginError: cleanlab is not installed.
        """
        try:
            from cleanlab.rank import get_label_quality_scores
        except ImportError:
            raise PluginError("scorer 'confident-learning' needs cleanlab: pip install 'finecl[cleanlab]'") from None
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
    """Softmax over each label and what its pair does not carry ``[N, R]``."""
    carried = np.zeros((int(instances.pair.max()) + 1, logits_NR.shape[1]), dtype=np.bool_)
    carried[instances.pair, instances.relation] = True
    others = carried[instances.pair[shown]]
    others[np.arange(len(shown)), instances.relation[shown]] = False
    logits_NR = np.where(others, -np.inf, logits_NR)
    shifted = np.exp(logits_NR - logits_NR.max(axis=1, keepdims=True))
    probabilities: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
