"""A knowledge graph as columns: facts by numbers, and the names of entities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from finecl.data.distant.properties import Properties
from finecl.data.distant.tables import read_table
from finecl.errors import FormatError
from finecl.text.names import EDGES, LOOSE_SPACES

if TYPE_CHECKING:
    import polars as pl

_TRIPLE = ("head", "relation", "tail")


@dataclass(frozen=True)
class Graph:
    """Facts, names and type constraints. Entities are numbered by their rows in ``ids``.

    ``facts``: ``key`` (number of the head times 2^32, plus that of the tail) and ``relation``; ``known``: ``id``,
    ``name`` and ``type`` (null if unknown), or None if ids are names; ``allowed``: ``relation``, ``head_type`` and
    ``tail_type``.
    """

    ids: pl.Series
    facts: pl.DataFrame
    known: pl.DataFrame | None = None
    allowed: pl.DataFrame | None = None

    @classmethod
    def of(cls, triples: Iterable[tuple[str, str, str]]) -> Graph:
        """Returns the graph of triples (head, relation, tail) of ids."""
        import polars as pl

        rows = list(triples)
        texts = {name: [row[n] for row in rows] for n, name in enumerate(_TRIPLE)}
        return cls._of_frame(pl.DataFrame(texts, schema=dict.fromkeys(_TRIPLE, pl.String)))

    @classmethod
    def read(
        cls,
        triples: Path,
        *,
        names: Path | None = None,
        types: Path | None = None,
        properties: Properties | None = None,
    ) -> Graph:
        """Reads a graph from tables (TSV, CSV, JSONL or Parquet).

        ``triples``: head, relation, tail, by ids or names. ``names``: id, name, and optionally type and aliases (a
        list, in JSONL and Parquet); several rows per id are several names. ``types``: allowed combinations of
        relation, head_type and tail_type; a relation without a row may join any types. ``properties`` maps names of
        relations to ids.

        Raises:
            FormatError: a table cannot be read or lacks a value.
        """
        import polars as pl

        frame = read_table(triples, _TRIPLE)
        if properties:
            relations = frame["relation"].unique().to_list()
            ids = [properties.id_of(relation) for relation in relations]
            frame = frame.with_columns(pl.col("relation").replace_strict(relations, ids))
        known = _read_names(names) if names else None
        allowed = read_table(types, ("relation", "head_type", "tail_type")).unique() if types else None
        return cls._of_frame(frame, known, allowed)

    @classmethod
    def _of_frame(
        cls, frame: pl.DataFrame, known: pl.DataFrame | None = None, allowed: pl.DataFrame | None = None
    ) -> Graph:
        import polars as pl

        ids = pl.concat([frame["head"], frame["tail"]]).unique().sort().alias("id")
        if len(ids) >= 1 << 32:
            raise FormatError(f"the knowledge graph: expected fewer than 2^32 entities, got {len(ids)}; split it")
        numbers = pl.DataFrame({"id": ids}).with_row_index("number")
        coded = frame.lazy()
        for end in ("head", "tail"):
            coded = coded.join(numbers.lazy().rename({"id": end, "number": f"{end}_number"}), on=end)
        key = pl.col("head_number").cast(pl.UInt64) * (1 << 32) + pl.col("tail_number")
        facts = coded.select(key=key, relation=pl.col("relation").cast(pl.Categorical)).unique().collect()
        return cls(ids, facts, known, allowed)

    @cached_property
    def numbers(self) -> pl.DataFrame:
        """Returns ``id`` and ``number`` of every entity."""
        import polars as pl

        return pl.DataFrame({"id": self.ids}).with_row_index("number")

    @cached_property
    def names(self) -> pl.DataFrame:
        """Returns ``number``, ``name`` and ``type`` of entities, one row per name; without a names table, the ids."""
        import polars as pl

        if self.known is None:
            return self.numbers.select("number", name="id", type=pl.lit(None, dtype=pl.String))
        return self.known.join(self.numbers, on="id").select("number", "name", "type")

    @cached_property
    def normalised_names(self) -> pl.DataFrame:
        """Returns ``key`` (the normalised name), ``name`` and ``number``."""
        import polars as pl

        return self.names.select("number", "name", key=normalised_column(pl.col("name"))).unique()


def normalised_column(name: pl.Expr) -> pl.Expr:
    """Applies ``names.normalised`` to a column (lower case instead of case folding)."""
    import polars as pl

    plain = name.str.normalize("NFKC").str.to_lowercase().str.replace_all(LOOSE_SPACES, "${1}${2}")
    plain = plain.str.replace_all(r"\s+", " ")
    stripped = plain.str.strip_chars(EDGES)
    return pl.when(stripped == "").then(plain.str.strip_chars()).otherwise(stripped)


def _read_names(path: Path) -> pl.DataFrame:
    import polars as pl

    frame = read_table(path, ("id", "name"), ("type", "aliases"))
    main = frame.select("id", "name", pl.col("type").cast(pl.String))
    if not frame.schema["aliases"].is_nested():
        return main.unique(maintain_order=True)
    others = frame.explode("aliases").drop_nulls("aliases")
    aliases = others.select("id", name=pl.col("aliases").cast(pl.String), type=pl.col("type").cast(pl.String))
    return pl.concat([main, aliases]).unique(maintain_order=True)
