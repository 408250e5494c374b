"""Noise scores from a file, written by any other program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Evidence, EvidenceKind, Floats, Instances, NoiseScorer, Uids
from finecl_dynamics import columns
from finecl_dynamics.ranks import fair_shares


@dataclass(frozen=True, kw_only=True)
class File(NoiseScorer):
    """Noise = a column of a table: a CSV, JSONL or Parquet file with the columns uid and score.

    ``path``: the table; its name ends in .csv, .jsonl or .parquet. A uid is text of 16 hex digits, as in
    ``scores.parquet``; a score is a number, higher = noisier, +inf = never clean (``inf`` in CSV, ``"inf"`` in JSONL).
    Rows of other instances are ignored.
    ``column``: the column of the scores; by default "score", or "noise" if the table has none, as finecl's own tables.
    ``fair``: replaces noise by its rank share among the instances of the same relation, within (0, 1).
    """

    path: str = ""
    column: str | None = None
    fair: bool = False

    def __post_init__(self) -> None:
        if not self.path:
            raise SettingsError("scorer.path: expected a table with the columns uid and score, got none; name its file")
        if Path(self.path).suffix not in columns.SUFFIXES:
            known = ", ".join(columns.SUFFIXES)
            raise SettingsError(f"scorer.path: expected a name that ends in {known}, got '{self.path}'")
        if not Path(self.path).is_file():
            raise SettingsError(
                f"scorer.path: expected a file, got '{self.path}', which does not exist; check the path"
            )

    @property
    def required_evidence(self) -> tuple[EvidenceKind, ...]:
        """Returns none: no proxy is trained."""
        return ()

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the score of each instance ``[N]``; ignores the evidence.

        Raises:
            FormatError: the table cannot be read, lacks a column or an instance, or has a duplicate or malformed uid or
                a score that is not a number.
        """
        table = columns.read_table(self.path, ("uid", *([self.column] if self.column else [])))
        column = self.column or ("noise" if "noise" in table.columns and "score" not in table.columns else "score")
        if column not in table.columns:
            found = ", ".join(table.columns)
            raise columns.table_error(self.path, f"a column 'score' or 'noise', got '{found}'")
        uids, scores = columns.read_uids(self.path, table["uid"]), columns.read_scores(self.path, table[column])
        noise = scores[self._rows(uids, instances.uid)]
        return fair_shares(noise, instances.relation).astype(np.float32) if self.fair else noise

    def _rows(self, uids: Uids, requested: Uids) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Returns the row of each requested uid ``[N]``."""
        missing = np.setdiff1d(requested, uids)
        if len(missing):
            expected = f"a score for each of {len(requested):,} instances, got none for {columns.listed(missing)}"
            raise columns.table_error(self.path, expected)
        order = np.argsort(uids)
        return order[np.searchsorted(uids, requested, sorter=order)]
