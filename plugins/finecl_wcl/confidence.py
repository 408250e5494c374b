"""WCL's scorer: confidence of an extractor trained on gold labels in a silver label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from finecl.types import Evidence, EvidenceKind, Floats, Instances, Ints, NoiseScorer

Doubles = npt.NDArray[np.float64]
_CHUNK = 2**16  # instances


@dataclass(frozen=True, kw_only=True)
class SoftmaxConfidence(NoiseScorer):
    """Noise = 1 - confidence of an extractor trained on gold labels only; +inf for pairs without a prediction.

    ``of``: the probability of the silver label ("label"), or the maximum over all relations ("argmax"), as in FineCL's
    re-implementation, which is high for any confident prediction, even of another relation.
    ``head``: "softmax" over all relations and no-relation, or the "sigmoid" of each, for extractors trained with
    ``loss = "bce"``.
    """

    required_evidence: ClassVar[tuple[EvidenceKind, ...]] = ("gold",)

    of: Literal["label", "argmax"] = "label"
    head: Literal["softmax", "sigmoid"] = "softmax"

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns 1 - confidence ``[N]``, in [0, 1], or +inf."""
        logits_NR = evidence.array("gold")
        noise = np.empty(len(instances), dtype=np.float32)
        for begin in range(0, len(instances), _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            noise[chunk] = 1.0 - self._confidence(
                np.asarray(logits_NR[chunk], dtype=np.float64), instances.relation[chunk]
            )
        noise[np.isnan(noise)] = np.inf
        return noise

    def _confidence(self, logits_NR: Doubles, relation: Ints) -> Doubles:
        probability_NR: Doubles
        if self.head == "sigmoid":
            probability_NR = 1.0 / (1.0 + np.exp(-logits_NR))
        else:
            shifted = np.exp(logits_NR - logits_NR.max(axis=1, keepdims=True))
            probability_NR = shifted / shifted.sum(axis=1, keepdims=True)
        label = probability_NR.argmax(axis=1) if self.of == "argmax" else relation
        confidence: Doubles = probability_NR[np.arange(len(label)), label]
        return confidence
