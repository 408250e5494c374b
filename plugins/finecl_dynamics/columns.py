"""Reads and checks the columns of a table with one row per instance: uids, scores and flags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finecl.errors import FormatError
from finecl.types import Bools, Floats, Uids

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".jsonl", ".parquet")
_UID = r"^[0-9a-fA-F]{16}$"
_MAX_LISTED = 3  # uids in a message


def read_table(path: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """Reads a table from a file; the columns of a CSV file are text.

    Raises:
        FormatError: the file cannot be read, or lacks one of the columns.
    """
    import polars as pl

    readers: dict[str, Any] = {
        ".csv": lambda: pl.read_csv(path, infer_schema=False),
        ".jsonl": lambda: pl.read_ndjson(path, infer_schema_length=None),
        ".parquet": lambda: pl.read_parquet(path),
    }
    try:
        table: pl.DataFrame = readers[Path(path).suffix]()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise table_error(path, f"a readable table, got {_quoted(error)}") from None
    for name in columns:
        if name not in table.columns:
            raise table_error(path, f"a column '{name}', got {_quoted(', '.join(table.columns))}")
    return table


def read_uids(path: str, column: pl.Series) -> Uids:
    """Returns the uids of all rows, as numbers.

    Raises:
        FormatError: a uid is not text of 16 hex digits, or occurs twice.
    """
    import polars as pl

    if column.dtype != pl.String:
        raise table_error(path, f"uids that are text of 16 hex digits, got {column.dtype}")
    _check_rows(path, ~column.str.contains(_UID).fill_null(False), column, "a uid of 16 hex digits")
    numbers = np.frombuffer(bytes.fromhex("".join(column.to_list())), dtype=">u8").astype(np.uint64)
    distinct, counts = np.unique(numbers, return_counts=True)
    if (counts > 1).any():
        raise table_error(path, f"one row per uid, got several for {listed(distinct[counts > 1])}")
    return numbers


def read_scores(path: str, column: pl.Series) -> Floats:
    """Returns the scores of all rows; values beyond float32 become infinite.

    Raises:
        FormatError: a score is missing, NaN or not a number.
    """
    import polars as pl

    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        raise table_error(path, f"numbers as '{column.name}', got {column.dtype}")
    numbers = column.cast(pl.Float64, strict=False).fill_nan(None)
    _check_rows(path, numbers.is_null(), column, f"a number as '{column.name}'")
    with np.errstate(over="ignore"):
        return numbers.to_numpy().astype(np.float32)


def read_flags(path: str, column: pl.Series) -> Bools:
    """Returns the booleans of all rows, written as booleans, 0 and 1, or the words true and false.

    Raises:
        FormatError: a value is none of these.
    """
    import polars as pl

    words = column.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    yes, no = words.is_in(["true", "1"]), words.is_in(["false", "0"])
    _check_rows(path, ~(yes | no).fill_null(False), column, f"true or false as '{column.name}'")
    return yes.to_numpy().astype(np.bool_)


def listed(uids: Uids) -> str:
    """Returns the first uids as text, and the number of the others."""
    names = ", ".join(f"{uid:016x}" for uid in uids[:_MAX_LISTED].tolist())
    return f"{names} and {len(uids) - _MAX_LISTED:,} more" if len(uids) > _MAX_LISTED else names


def table_error(path: str, what: str) -> FormatError:
    """Returns the FormatError of a table; ``what`` is "EXPECTED, got ACTUAL"."""
    return FormatError(f"{path}: expected {what}; correct the table")


def _check_rows(path: str, wrong: pl.Series, column: pl.Series, expected: str) -> None:
    """Raises FormatError for the first wrong row."""
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise table_error(path, f"{expected} in row {row + 1}, got {_quoted(column[row])}")


def _quoted(value: Any) -> str:
    """Returns a value for a message: quoted, on one line, at most 150 characters."""
    return "none" if value is None else f"'{' '.join(str(value).split())[:150]}'"
