"""Scores from a file: whatever can write a table can be a noise scorer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Evidence, Floats, Instances, Uids
from finecl_dynamics import columns
from finecl_dynamics.ranks import fair_shares


@dataclass(frozen=True, kw_only=True)
class File:
    """Noise = what a table says: a CSV, JSONL or Parquet file with the columns uid and score.

    ``path``: the table; its name ends in .csv, .jsonl or .parquet. A uid is text of 16 hex digits, as in
    ``scores.parquet``; a score is a number, higher = noisier, +inf = never looked clean (``inf`` in CSV,
    ``"inf"`` in JSONL). Rows of other instances are passed over.
    ``column``: the column of the scores; "noise" takes those of another run's ``scores.parquet``.
    ``fair``: noise is its rank share among the instances of its relation, within (0, 1).
    """

    path: str = ""
    column: str = "score"
    fair: bool = False

    def __post_init__(self) -> None:
        if not self.path:
            raise SettingsError("scorer.path: expected a table with the columns uid and score, got none; name its file")
        if Path(self.path).suffix not in columns.KINDS:
            known = ", ".join(columns.KINDS)
            raise SettingsError(f"scorer.path: expected a name that ends in {known}, got '{self.path}'")
        if not Path(self.path).is_file():
            raise SettingsError(f"scorer.path: expected a file, found none at '{self.path}'")

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """The score of each instance ``[N]``; the evidence is not read.

        Raises:
            FormatError: the table cannot be read, lacks a column or an instance, names a uid twice, or holds
                something that is no uid or no number.
        """
        table = columns.read(self.path, ("uid", self.column))
        uids, scores = columns.uids(self.path, table["uid"]), columns.scores(self.path, table[self.column])
        noise = scores[self._rows(uids, instances.uid)]
        return fair_shares(noise, instances.relation).astype(np.float32) if self.fair else noise

    def _rows(self, uids: Uids, wanted: Uids) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The row of each wanted uid ``[N]``."""
        missing = np.setdiff1d(wanted, uids)
        if len(missing):
            expected = f"a score for each of {len(wanted):,} instances, got none for {columns.named(missing)}"
            raise columns.fault(self.path, expected)
        order = np.argsort(uids)
        return order[np.searchsorted(uids, wanted, sorter=order)]
