"""The file of false negatives of a run: pairs without a silver label for which the proxy predicts a relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from finecl.artifacts.files import write_parquet
from finecl.artifacts.scores_table import read_columns
from finecl.errors import FineCLError
from finecl.types import Floats, Ints

FALSE_NEGATIVES = "false_negatives.parquet"


@dataclass(frozen=True, kw_only=True)
class FalseNegatives:
    """Unlabelled pairs for which a relation is more likely than no-relation, sorted by document.

    ``relation`` is the most likely relation. ``probability`` is its probability against no-relation only: the sigmoid
    of the difference of their logits, at least 1/2. All columns have length S.
    """

    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    probability: Floats

    @classmethod
    def of(cls, columns: Any) -> FalseNegatives:
        """Builds an instance from columns by name."""
        return cls(**{field.name: columns[field.name] for field in fields(cls)})

    def columns(self) -> dict[str, Any]:
        """Returns the columns by name."""
        return dict(vars(self))

    def write(self, directory: Path, relations: Sequence[str], titles: Sequence[str]) -> None:
        """Writes ``false_negatives.parquet`` into a run directory."""
        names = np.array([*relations, ""], dtype=object)
        table = self.columns() | {
            "relation": names[self.relation].tolist(),
            "title": [titles[d] for d in self.document.tolist()],
        }
        write_parquet(directory / FALSE_NEGATIVES, table)


def read_missing(directory: Path) -> tuple[FalseNegatives, tuple[str, ...]] | None:
    """Returns the false negatives of a run directory and the relations that their numbers mean; None without a file.

    Raises:
        FineCLError: the file cannot be read, lacks a column, or is not as its run recorded it.
    """
    path = directory / FALSE_NEGATIVES
    if not path.is_file():
        return None
    table = read_columns(path, None)
    lacking = [field.name for field in fields(FalseNegatives) if field.name not in table.column_names]
    if lacking:
        raise FineCLError(f"{path}: expected the column '{lacking[0]}', found none; run `finecl score` again")
    names, relation = np.unique(np.array(table["relation"].to_pylist(), dtype=object), return_inverse=True)
    numbers = {name: table[name].to_numpy() for name in ("document", "head", "tail", "probability")}
    return FalseNegatives(**numbers, relation=relation.astype(np.int64)), tuple(names.tolist())
