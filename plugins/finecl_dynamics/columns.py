"""The uids and scores of a table, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finecl.errors import FormatError
from finecl.types import Bools, Floats, Uids

if TYPE_CHECKING:
    import polars as pl

KINDS = (".csv", ".jsonl", ".parquet")
_UID = r"^[0-9a-fA-F]{16}$"
_NAMED = 3  # uids that a message names


def read(path: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """The table in a file, every column of a CSV file as text.

    Raises:
        FormatError: it cannot be read, or lacks one of the columns.
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
        raise fault(path, f"a readable table, got {_shown(error)}") from None
    for name in columns:
        if name not in table.columns:
            raise fault(path, f"a column '{name}', got {_shown(', '.join(table.columns))}")
    return table


def uids(path: str, column: pl.Series) -> Uids:
    """The uids of all rows, as numbers.

    Raises:
        FormatError: one is not text of 16 hex digits, or stands there twice.
    """
    import polars as pl

    if column.dtype != pl.String:
        raise fault(path, f"uids that are text of 16 hex digits, got {column.dtype}")
    _no_row(path, ~column.str.contains(_UID).fill_null(False), column, "a uid of 16 hex digits")
    numbers = np.frombuffer(bytes.fromhex("".join(column.to_list())), dtype=">u8").astype(np.uint64)
    found, counts = np.unique(numbers, return_counts=True)
    if (counts > 1).any():
        raise fault(path, f"one row a uid, got several for {named(found[counts > 1])}")
    return numbers


def scores(path: str, column: pl.Series) -> Floats:
    """The scores of all rows; what exceeds float32 is infinite.

    Raises:
        FormatError: one is missing, NaN or no number.
    """
    import polars as pl

    if not (column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)):
        raise fault(path, f"numbers as '{column.name}', got {column.dtype}")
    numbers = column.cast(pl.Float64, strict=False).fill_nan(None)
    _no_row(path, numbers.is_null(), column, f"a number as '{column.name}'")
    with np.errstate(over="ignore"):
        return numbers.to_numpy().astype(np.float32)


def flags(path: str, column: pl.Series) -> Bools:
    """Yes or no of all rows: booleans, 0 and 1, or the words true and false.

    Raises:
        FormatError: one is none of these.
    """
    import polars as pl

    words = column.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    yes, no = words.is_in(["true", "1"]), words.is_in(["false", "0"])
    _no_row(path, ~(yes | no).fill_null(False), column, f"true or false as '{column.name}'")
    return yes.to_numpy().astype(np.bool_)


def named(uids: Uids) -> str:
    """The first few uids, and how many more there are."""
    names = ", ".join(f"{uid:016x}" for uid in uids[:_NAMED].tolist())
    return f"{names} and {len(uids) - _NAMED:,} more" if len(uids) > _NAMED else names


def fault(path: str, what: str) -> FormatError:
    """The error that says what was expected and what came."""
    return FormatError(f"{path}: expected {what}; correct the table")


def _no_row(path: str, wrong: pl.Series, column: pl.Series, expected: str) -> None:
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise fault(path, f"{expected} in row {row + 1}, got {_shown(column[row])}")


def _shown(value: Any) -> str:
    """A value in a message: one line, and not a long one."""
    return "none" if value is None else f"'{' '.join(str(value).split())[:150]}'"
