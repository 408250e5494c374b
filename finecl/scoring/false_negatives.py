"""False negatives: entity pairs without a silver label that the proxy believes to have a relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from finecl.artifacts.files import write_parquet
from finecl.distributed.process_group import current
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.prediction import predict_logits
from finecl.numerics.ragged import find, pair_key
from finecl.types import Bools, Floats, Ints

FALSE_NEGATIVES = "false_negatives.parquet"
_LEAST = 0.5  # below it no-relation is the likelier


@dataclass(frozen=True, kw_only=True)
class FalseNegatives:
    """Unlabelled pairs of which some relation is likelier than none, in the order of their documents.

    ``probability`` is that of ``relation``, the likeliest, against no-relation alone: sigmoid of the difference of
    their logits, at least 1/2. Columns of length S.
    """

    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    probability: Floats

    @classmethod
    def of(cls, columns: Any) -> FalseNegatives:
        """From columns by name."""
        return cls(**{field.name: columns[field.name] for field in fields(cls)})

    def columns(self) -> dict[str, Any]:
        """The columns by name."""
        return dict(vars(self))

    def write(self, directory: Path, relations: Sequence[str], titles: Sequence[str]) -> None:
        """Writes ``false_negatives.parquet`` into a run's directory."""
        names = np.array([*relations, ""], dtype=object)
        table = self.columns() | {
            "relation": names[self.relation].tolist(),
            "title": [titles[d] for d in self.document.tolist()],
        }
        write_parquet(directory / FALSE_NEGATIVES, table)


@dataclass(frozen=True)
class NotFalseNegative:
    """Which pairs may be negatives: those that are not suspected with at least some probability."""

    keys: Ints

    @classmethod
    def read(cls, directory: Path, least: float) -> NotFalseNegative:
        """From a run's directory; all pairs may, if nothing was suspected there."""
        if not (directory / FALSE_NEGATIVES).is_file():
            return cls(np.zeros(0, dtype=np.int64))
        columns = pq.read_table(directory / FALSE_NEGATIVES, columns=["document", "head", "tail", "probability"])
        document, head, tail, probability = (column.to_numpy() for column in columns.columns)
        kept = probability >= least
        return cls(np.unique(pair_key(document[kept], head[kept], tail[kept])))

    def __call__(self, document: Ints, head: Ints, tail: Ints) -> Bools:
        """Whether these pairs may."""
        found: Bools = find(self.keys, pair_key(document, head, tail)) < 0
        return found


def read_false_negatives(directory: Path, threshold: float | None) -> NotFalseNegative | None:
    """Returns the filter that leaves out pairs of at least this probability; None without a threshold."""
    return None if threshold is None else NotFalseNegative.read(directory, threshold)


def find_false_negatives(extractor: Any, data: ExtractionDataset, *, max_tokens: int | None = None) -> FalseNegatives:
    """Asks a trained extractor about all pairs of all documents; every rank takes part and has all."""
    parts: list[tuple[Any, ...]] = []
    every = np.arange(len(data.tokens))
    for documents, asked, logits, labels in predict_logits(
        extractor, data, every, max_tokens=max_tokens, every_pair=True
    ):
        best = logits[:, :-1].float().max(dim=1)
        believed = (best.values - logits[:, -1].float()).sigmoid()
        kept = ((labels[:, -1] > 0) & (believed >= _LEAST)).cpu().numpy()
        relation, probability = best.indices.cpu().numpy()[kept], believed.cpu().numpy()[kept]
        document, head, tail = documents[asked.document_P][kept], asked.head_P[kept], asked.tail_P[kept]
        parts.append((document, head, tail, relation, probability))
    parts = [part for some in current().all_gather_object(parts) for part in some]
    empty = tuple(np.zeros(0, dtype=kind) for kind in (np.int64, np.int64, np.int64, np.int64, np.float32))
    columns = [np.concatenate(column) for column in zip(empty, *parts, strict=True)]
    order = np.lexsort(columns[2::-1])
    names = ("document", "head", "tail", "relation", "probability")
    return FalseNegatives(**{name: column[order] for name, column in zip(names, columns, strict=True)})
