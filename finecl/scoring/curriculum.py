"""A curriculum from the learning order: gold documents that a proxy learns early come first in every epoch.

FineCL's authors name it as future work: "curriculum learning" by learning order (section 7).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.config.schema import ProxySettings
from finecl.extraction.examples import ExtractionDataset
from finecl.progress import Listener
from finecl.scoring.proxy import train_proxy
from finecl.training.checkpointing import CheckpointManager
from finecl.types import Floats, first_epoch


def difficulties(
    extractor: Any,
    train: ExtractionDataset,
    settings: ProxySettings,
    *,
    seed: int,
    listener: Listener | None = None,
    checkpoints: CheckpointManager | None = None,
) -> Floats:
    """How late a fresh extractor learns each document [D]: the mean, over its labels, of the epoch in which each was
    first predicted; one epoch after the last for a label that never was, and the mean of all documents for one
    without labels. The extractor is trained in place and not to be used further.
    """
    run = train_proxy(extractor, train, settings, seed=seed, listener=listener, checkpoints=checkpoints)
    dynamics = run.evidence.batch or run.evidence.epoch
    assert dynamics is not None
    order = first_epoch(dynamics.correct)
    late = np.where(order > 0, order, len(dynamics.correct) + 1).astype(np.float64)
    count = np.bincount(train.instances.document, minlength=len(train.tokens))
    total = np.bincount(train.instances.document, weights=late, minlength=len(train.tokens))
    mean = late.mean() if len(late) else 0.0
    return np.where(count > 0, total / np.maximum(count, 1), mean).astype(np.float32)
