"""finecl's own columns as Parquet; ``datasets.load_dataset("parquet", ...)`` reads it too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.files import first_bytes, open_binary, replacing
from finecl_formats.json_values import Value, shortened
from finecl_formats.records import Records
from finecl_formats.rows import LabelKeys, read_document, to_row

_MAGIC = b"PAR1"
_CHUNK = 256  # documents in memory at a time


@dataclass(frozen=True, kw_only=True)
class Parquet(Records):
    """One document a row, with the columns of the format ``jsonl``."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with Parquet's magic bytes."""
        return first_bytes(path).startswith(_MAGIC)

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the rows.

        Raises:
            FormatError: the file is not Parquet, or truncated.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = 0
        with open_binary(path) as stream:
            try:
                for batch in pq.ParquetFile(stream).iter_batches(_CHUNK):
                    for row in batch.to_pylist():
                        number += 1
                        yield Value(row, f"{path}: row {number}")
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                actual = shortened(str(error), 200)
                raise FormatError(
                    f"{path}: expected Parquet after row {number}, got '{actual}'; is it truncated?"
                ) from None

    def document(self, record: Value) -> Document:
        """Converts a row to a document; ignores unknown columns."""
        return read_document(record, LabelKeys())

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes every field of every document.

        Raises:
            FormatError: the file cannot be written, or a number does not fit 32 bits.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = map(to_row, documents)
        with (
            replacing(path) as unfinished,
            unfinished.open("wb") as stream,
            pq.ParquetWriter(stream, _schema()) as writer,
        ):
            while chunk := list(islice(rows, _CHUNK)):
                try:
                    writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=_schema()))
                except pa.ArrowException as error:
                    raise FormatError(f"{path}: expected valid documents, got '{error}'; check them first") from None


def _schema() -> Any:
    import pyarrow as pa

    text, number = pa.string(), pa.int32()
    mention = pa.struct({"name": text, "sent_id": number, "pos": pa.list_(number), "type": text})
    label = pa.struct({"head": number, "tail": number, "relation": text, "evidence": pa.list_(number), "truth": text})
    return pa.schema(
        {
            "title": text,
            "sents": pa.list_(pa.list_(text)),
            "vertexSet": pa.list_(pa.list_(mention)),
            "labels": pa.list_(label),
            "entity_ids": pa.list_(text),
        }
    )
