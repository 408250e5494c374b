"""Rows for a Parquet file, written as they come."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from finecl.artifacts.files import replacing

_CHUNK = 65536  # rows held in memory


class RowWriter:
    """Writes rows to a Parquet file, which appears when the block ends without an error; none without a path.

    ``columns``: pyarrow's types by name; each row holds a value for each of them, in order.
    """

    def __init__(self, path: Path | None, columns: Mapping[str, Any]) -> None:
        self._path = path
        self._columns = columns
        self._rows: list[tuple[Any, ...]] = []
        self._writer: Any = None
        self._file = ExitStack()

    @property
    def enabled(self) -> bool:
        """Returns whether there is a file."""
        return self._path is not None

    def __enter__(self) -> RowWriter:
        if self._path:
            import pyarrow.parquet as pq

            temporary = self._file.enter_context(replacing(self._path))
            self._writer = self._file.enter_context(pq.ParquetWriter(temporary, self._schema()))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None or not self._path:
            self._file.__exit__(kind, error, at)
            return
        with self._file:
            self._flush()

    def add(self, *values: Any) -> None:
        """Adds a row."""
        if not self.enabled:
            return
        self._rows.append(values)
        if len(self._rows) >= _CHUNK:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = {name: [row[n] for row in self._rows] for n, name in enumerate(self._columns)}
        self._writer.write_table(pa.table(columns, schema=self._schema()))
        self._rows.clear()

    def _schema(self) -> Any:
        import pyarrow as pa

        return pa.schema(list(self._columns.items()))
