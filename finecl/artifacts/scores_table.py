"""The scores table of a run (``scores.parquet``) and the tables beside it, written and read as columns.

A label's uid is a uint64 in memory and 16 hexadecimal digits in files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from finecl.artifacts.files import write_parquet
from finecl.artifacts.provenance import digest
from finecl.artifacts.run_directory import RunDirectory
from finecl.errors import FineCLError
from finecl.types import Bools, Floats, Ints, Uids

Objects = npt.NDArray[np.object_]
_NUMBERS = ("document", "head", "tail", "noise", "p_wrong", "weight", "learned_batch", "learned_epoch")
_MAP = ("confidence_mean", "variability", "suggested_confidence")
_TEXTS = ("uid", "relation", "truth", "verdict", "suggested")


def format_uids(uids: Uids) -> list[str]:
    """Returns uids in the form used in files: 16 hexadecimal digits each."""
    return [f"{uid:016x}" for uid in uids.tolist()]


def parse_uids(texts: Iterable[str]) -> Uids:
    """Returns uids from their hexadecimal form; the inverse of ``format_uids``.

    Raises:
        ValueError: a text is not a hexadecimal number.
    """
    return np.array([int(text, 16) for text in texts], dtype=np.uint64)


def find_rows(uids: Uids, queries: Uids) -> Ints:
    """Returns the row of each of ``queries`` [Q] in ``uids`` [N]; -1 where a uid is missing."""
    if not len(uids):
        return np.full(len(queries), -1, dtype=np.int64)
    order = np.argsort(uids, kind="stable")
    rows = order[np.minimum(np.searchsorted(uids, queries, sorter=order), len(uids) - 1)]
    return np.where(uids[rows] == queries, rows, -1).astype(np.int64)


def write_scores(path: Path, uids: Uids, columns: Mapping[str, Any]) -> None:
    """Writes a scores table atomically: one row per instance, with the uids [N] and ``columns`` by name."""
    write_parquet(path, {"uid": format_uids(uids), **columns})


def read_weights(path: Path, uids: Uids) -> Floats:
    """Returns the weights of these instances ``[N]`` from a scores table.

    Raises:
        FineCLError: an instance has no score, or the file is not Parquet.
    """
    table = read_columns(path, ("uid", "weight"))
    rows = find_rows(parse_uids(table["uid"].to_pylist()), uids)
    if (rows < 0).any():
        raise FineCLError(f"{path}: {int((rows < 0).sum())} silver instances have no score; run `finecl score` again")
    weights: Floats = table["weight"].to_numpy()[rows].astype(np.float32)
    return weights


def read_wrong_probabilities(path: Path, uids: Uids) -> Floats:
    """Returns the probability that each of these instances is wrong ``[N]``, from a scores table."""
    table = read_columns(path, ("uid", "p_wrong"))
    p_wrong: Floats = table["p_wrong"].to_numpy()[find_rows(parse_uids(table["uid"].to_pylist()), uids)]
    return p_wrong


def read_suggestions(path: Path, uids: Uids, relations: Sequence[str]) -> tuple[Ints, Floats]:
    """Returns the suggested relation of these instances as an index into ``relations`` (-1: none), and its probability.

    *Shape:* ``uids`` and both results [N].
    """
    table = read_columns(path, ("uid", "suggested", "suggested_confidence"))
    rows = find_rows(parse_uids(table["uid"].to_pylist()), uids)
    index = {name: number for number, name in enumerate(relations)}
    names = table["suggested"].to_pylist()
    suggested = np.array([index.get(names[row], -1) for row in rows.tolist()], dtype=np.int64)
    return suggested, table["suggested_confidence"].to_numpy()[rows].astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Columns of ``scores.parquet`` for its N instances.

    ``relation`` holds indices into ``relations``. ``learned_batch`` and ``learned_epoch`` are epochs from 1, 0 for
    never. ``truth`` holds names of relations, None where unknown; the column is None if no truth was recorded.
    ``p_wrong`` is the estimated probability that a label is wrong; ``suggested`` (names of relations, "" for none) and
    ``suggested_confidence`` what proxies predict that have not seen the document, if they were asked.
    ``verdict`` holds human verdicts, "right" or "wrong", None for labels that were not reviewed. ``confidence`` and
    ``variability`` are the axes of the data map, if a proxy was trained.
    """

    uid: Uids
    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    relations: tuple[str, ...]
    noise: Floats
    weight: Floats
    learned_batch: Ints
    learned_epoch: Ints
    truth: Objects | None
    verdict: Objects
    confidence: Floats | None = None
    variability: Floats | None = None
    p_wrong: Floats | None = None
    suggested: Objects | None = None
    suggested_confidence: Floats | None = None

    @classmethod
    def read(cls, path: Path) -> Scores:
        """Reads the scores at ``path``; the columns of learning, truth and verdicts may be missing.

        Raises:
            FineCLError: the file is not Parquet.
        """
        table = read_columns(path, (*_NUMBERS, *_MAP, *_TEXTS))
        present = table.column_names
        encoded = table["relation"].combine_chunks().dictionary_encode()
        never, unreviewed = np.zeros(len(table), dtype=np.int64), np.full(len(table), None, dtype=object)
        column = {name: table[name].to_numpy() for name in present if name not in _TEXTS}
        return cls(
            uid=parse_uids(table["uid"].to_pylist()),
            document=column["document"],
            head=column["head"],
            tail=column["tail"],
            relation=encoded.indices.to_numpy().astype(np.int64),
            relations=tuple(encoded.dictionary.to_pylist()),
            noise=column["noise"],
            weight=column["weight"],
            learned_batch=column.get("learned_batch", never),
            learned_epoch=column.get("learned_epoch", never),
            truth=_objects(table["truth"]) if "truth" in present else None,
            verdict=_objects(table["verdict"]) if "verdict" in present else unreviewed,
            confidence=column.get("confidence_mean"),
            variability=column.get("variability"),
            p_wrong=column.get("p_wrong"),
            suggested=_objects(table["suggested"]) if "suggested" in present else None,
            suggested_confidence=column.get("suggested_confidence"),
        )

    @property
    def ranked(self) -> bool:
        """Returns whether the noise of any two labels differs; without a scorer it does not."""
        return len(self.noise) > 0 and bool((self.noise != self.noise[0]).any())

    @property
    def judged(self) -> Bools:
        """Returns which labels have a verdict ``[N]``."""
        judged: Bools = self.verdict != None  # noqa: E711 - an array of objects
        return judged

    def learned(self, mode: str = "batch") -> Ints | None:
        """Returns the epoch in which each label was learned, in this mode or else the other; None if not recorded."""
        first, second = self.learned_batch, self.learned_epoch
        if mode == "epoch":
            first, second = second, first
        return next((learned for learned in (first, second) if learned.any()), None)

    def known(self) -> tuple[Bools, Bools]:
        """Returns which labels have a known truth and no verdict ``[N]``, and which of these are wrong ``[known]``."""
        if self.truth is None:
            return np.zeros(len(self.noise), dtype=np.bool_), np.zeros(0, dtype=np.bool_)
        known = np.array([truth is not None for truth in self.truth], dtype=np.bool_) & ~self.judged
        claimed = np.array(self.relations, dtype=object)[self.relation]
        return known, (self.truth != claimed)[known]

    def learned_by_relation(self, learned: Ints, epochs: int) -> Floats:
        """Returns the share of each relation's labels that were learned by the end of each epoch ``[R, E]``."""
        count_R = np.bincount(self.relation, minlength=len(self.relations))
        shares = [
            np.bincount(self.relation[(learned > 0) & (learned <= epoch)], minlength=len(count_R)) / count_R
            for epoch in range(1, epochs + 1)
        ]
        return np.stack(shares, axis=1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Nearest neighbours of the labels in ``row`` [Q]: ``near`` (-1 for none) and cosine ``similarity`` [Q, 5]."""

    row: Ints
    near: Ints
    similarity: Floats

    @classmethod
    def read(cls, path: Path) -> Neighbours | None:
        """Reads the file written by stage "score"; returns None if it does not exist."""
        if not path.exists():
            return None
        table = read_columns(path, ("row", "near", "similarity"))
        near, similarity = (np.array(table[name].to_pylist()) for name in ("near", "similarity"))
        return cls(row=table["row"].to_numpy(), near=near, similarity=similarity)


def read_others(path: Path, uids: Uids) -> Mapping[str, Floats]:
    """Returns the noise of other scorers ``[N]``; empty if the file does not exist or has other labels."""
    if not path.exists():
        return {}
    table = read_columns(path, None)
    if table["uid"].to_pylist() != format_uids(uids):
        return {}
    return {name: table[name].to_numpy() for name in table.column_names if name != "uid"}


def read_columns(path: Path, columns: tuple[str, ...] | None) -> Any:
    """Reads those of ``columns`` that the file has, or all columns if None.

    Raises:
        FineCLError: the file cannot be read, or is not as its run recorded it.
    """
    stages = RunDirectory(path.parent).record().get("stages", {})
    recorded = stages.get("score", {}).get("outputs", {}).get(path.name)
    if recorded and path.is_file() and digest(path) != recorded:
        raise FineCLError(f"{path}: was changed since it was written; run `finecl score` again")
    try:
        present = pq.read_schema(path).names
        names = [name for name in present if columns is None or name in columns]
        return pq.read_table(path, columns=names, page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FineCLError(f"{path}: expected a Parquet file: {reason:.200}; run `finecl score` again") from None


def _objects(column: Any) -> Objects:
    values: Objects = np.array(column.to_pylist(), dtype=object)
    return values
