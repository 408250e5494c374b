"""Reads tables of texts (TSV, CSV, JSONL and Parquet) as polars frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finecl.errors import FormatError

if TYPE_CHECKING:
    import polars as pl

_ENDINGS = (".tsv", ".csv", ".jsonl", ".parquet")


def read_table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    """Reads columns as texts, stripped of white space at their ends.

    TSV and CSV may have a header; without one the columns are in the order of ``columns`` and then ``optional``. A
    missing optional column is null in all rows.

    Raises:
        FormatError: the file cannot be read, has an unknown ending, is empty, or lacks a value.
    """
    import polars as pl

    if path.suffix not in _ENDINGS:
        raise FormatError(f"{path}: expected a file called *{', *'.join(_ENDINGS)}, got '{path.suffix}'; rename it")
    try:
        frame = _read(path, [*columns, *optional])
    except OSError as error:
        raise FormatError(
            f"{path}: expected a readable file, got '{error.strerror or error}'; check the path"
        ) from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        came = " ".join(str(error).split())[:120]
        raise FormatError(f"{path}: expected a table of {' | '.join(columns)}, got '{came}'; check the file") from None
    return _checked(frame, path, columns, optional)


def _read(path: Path, names: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if path.suffix == ".jsonl":
        return pl.read_ndjson(path, infer_schema_length=None)
    with path.open(encoding="utf-8-sig") as stream:
        first = stream.readline()
    separator, quote = ("\t", None) if path.suffix == ".tsv" else (",", '"')
    cells = [cell.strip().strip('"').casefold() for cell in first.split(separator)]
    has_header = set(names[:2]) <= set(cells)
    frame = pl.read_csv(path, separator=separator, quote_char=quote, has_header=has_header, infer_schema=False)
    if has_header:
        return frame.rename({old: old.strip().casefold() for old in frame.columns})
    return frame.rename(dict(zip(frame.columns, names, strict=False)))


def _checked(frame: pl.DataFrame, path: Path, columns: Sequence[str], optional: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    for name in columns:
        if name not in frame.columns:
            raise FormatError(f"{path}: expected the column '{name}', got {', '.join(frame.columns)}; name the columns")
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in optional if name not in frame.columns]
    table = frame.with_columns(missing).select(*columns, *optional)
    if not len(table):
        raise FormatError(f"{path}: expected rows of {' | '.join(columns)}, got none; check the file")
    nested = [name for name in columns if table.schema[name].is_nested()]
    if nested:
        raise FormatError(f"{path}: expected texts in the column '{nested[0]}', got {table.schema[nested[0]]}")
    lists = [name for name in optional if table.schema[name].is_nested()]
    texts = [name for name in table.columns if name not in lists]
    table = table.with_columns(pl.col(texts).cast(pl.String).str.strip_chars())
    for name in columns:
        empty = (table[name].is_null() | (table[name] == "")).arg_true()
        if len(empty):
            raise FormatError(f"{path}: row {empty[0] + 1}, {name}: expected a text, got nothing; complete the row")
    return table
