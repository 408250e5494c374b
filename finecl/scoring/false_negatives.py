"""False negatives: entity pairs without a silver label for which the proxy predicts a relation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from finecl.artifacts.false_negatives import FALSE_NEGATIVES, FalseNegatives
from finecl.distributed.process_group import current
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.prediction import predict_logits
from finecl.numerics.ragged import find, pair_key
from finecl.types import Bools, Ints

_MIN_PROBABILITY = 0.5  # below it no-relation is more likely


@dataclass(frozen=True)
class NotFalseNegative:
    """Tells which pairs may be negatives: all but the false negatives with at least a given probability."""

    keys: Ints

    @classmethod
    def read(cls, directory: Path, threshold: float) -> NotFalseNegative:
        """Reads the false negatives of a run directory; without such a file all pairs may be negatives."""
        if not (directory / FALSE_NEGATIVES).is_file():
            return cls(np.zeros(0, dtype=np.int64))
        columns = pq.read_table(directory / FALSE_NEGATIVES, columns=["document", "head", "tail", "probability"])
        document, head, tail, probability = (column.to_numpy() for column in columns.columns)
        excluded = probability >= threshold
        return cls(np.unique(pair_key(document[excluded], head[excluded], tail[excluded])))

    def __call__(self, document: Ints, head: Ints, tail: Ints) -> Bools:
        """Returns which of these pairs may be negatives."""
        allowed: Bools = find(self.keys, pair_key(document, head, tail)) < 0
        return allowed


def read_false_negatives(directory: Path, threshold: float | None) -> NotFalseNegative | None:
    """Returns the filter that leaves out pairs of at least this probability; None without a threshold."""
    return None if threshold is None else NotFalseNegative.read(directory, threshold)


def find_false_negatives(extractor: Any, data: ExtractionDataset, *, max_tokens: int | None = None) -> FalseNegatives:
    """Finds the false negatives among all pairs of all documents, with a trained extractor.

    Every rank must call this; every rank returns all false negatives.
    """
    parts: list[tuple[Any, ...]] = []
    all_documents = np.arange(len(data.tokens))
    for documents, pairs, logits, labels in predict_logits(
        extractor, data, all_documents, max_tokens=max_tokens, every_pair=True
    ):
        best = logits[:, :-1].float().max(dim=1)
        probability = (best.values - logits[:, -1].float()).sigmoid()
        selected = ((labels[:, -1] > 0) & (probability >= _MIN_PROBABILITY)).cpu().numpy()
        relation = best.indices.cpu().numpy()[selected]
        document = documents[pairs.document_P][selected]
        head, tail = pairs.head_P[selected], pairs.tail_P[selected]
        parts.append((document, head, tail, relation, probability.cpu().numpy()[selected]))
    parts = [part for of_rank in current().all_gather_object(parts) for part in of_rank]
    empty = tuple(np.zeros(0, dtype=kind) for kind in (np.int64, np.int64, np.int64, np.int64, np.float32))
    columns = [np.concatenate(column) for column in zip(empty, *parts, strict=True)]
    order = np.lexsort(columns[2::-1])
    names = ("document", "head", "tail", "relation", "probability")
    return FalseNegatives(**{name: column[order] for name, column in zip(names, columns, strict=True)})
