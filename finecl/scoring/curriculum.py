"""Curriculum learning by learning order: gold documents that a proxy learns early come first in every epoch.

FineCL's authors name it as future work (section 7).
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
    """Returns the difficulty of each document [D]: how late a new extractor learns it.

    This is the mean, over the labels of the document, of the epoch in which the label was first predicted. A label
    that was never predicted counts as one epoch after the last; a document without labels gets the mean over all
    labels. The extractor is trained in place and should not be used afterwards.
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
