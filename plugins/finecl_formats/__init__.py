"""File formats of document-level relation extraction: DocRED's JSON, and finecl's own columns as JSONL and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Formats


@hookimpl
def formats() -> Formats:
    """DocRED, JSONL and Parquet."""
    from finecl_formats.docred import DocRED
    from finecl_formats.jsonl import JSONLines
    from finecl_formats.parquet import Parquet

    return {"docred": DocRED, "jsonl": JSONLines, "parquet": Parquet}
