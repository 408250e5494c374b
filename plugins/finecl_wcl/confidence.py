"""WCL's scorer: how sure an extractor trained on gold is of a silver label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from finecl.types import Evidence, EvidenceKind, Floats, Instances, Ints

Doubles = npt.NDArray[np.float64]
_AT_ONCE = 2**16  # instances


@dataclass(frozen=True, kw_only=True)
class SoftmaxConfidence:
    """Noise = 1 - confidence of an extractor that was trained on gold labels only; +inf where it saw no such pair.

    ``of``: the probability of the silver "label", or the greatest of all, the "argmax", as FineCL's re-implementation
    has it: that is high where the extractor is sure, of whatever relation.
    ``head``: "softmax" over all relations and no-relation, or the "sigmoid" of each, which suits extractors trained
    with ``loss = "bce"``.
    """

    needs: ClassVar[tuple[EvidenceKind, ...]] = ("gold",)

    of: Literal["label", "argmax"] = "label"
    head: Literal["softmax", "sigmoid"] = "softmax"

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """1 - confidence ``[N]``, in [0, 1], or +inf."""
        logits_NR = evidence.array("gold")
        noise = np.empty(len(instances), dtype=np.float32)
        for begin in range(0, len(instances), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            noise[some] = 1.0 - self._confidence(
                np.asarray(logits_NR[some], dtype=np.float64), instances.relation[some]
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
