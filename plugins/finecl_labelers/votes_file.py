"""The labeler ``file``: votes that were made elsewhere, or by an earlier ``finecl data label --with``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from finecl.errors import FormatError, SettingsError
from finecl.types import Document, Vote

_NEEDED = ("head", "tail", "relation")


class VotesFile:
    """``file:VOTES``, ``file:VOTES#SOURCE``: a table of votes as CSV, TSV, JSON Lines or Parquet.

    Columns: ``document`` (its number, from 0) or ``title``; ``head`` and ``tail`` (an entity's number, its id, or one
    of its names), ``relation`` (empty: no relation), and optionally ``confidence``, ``provenance`` and ``source``, of
    which ``#SOURCE`` chooses one. Of equal votes the most confident one counts.
    """

    def __init__(self, source: str) -> None:
        """Reads the table.

        Raises:
            SettingsError: there is no such file.
            FormatError: a column is missing, no vote is of the source, or a value cannot be read.
        """
        file, _, only = source.partition("#")
        self._path = Path(file)
        if not self._path.is_file():
            raise SettingsError(f"file: expected a table of votes, got '{file}', which is no file")
        table = _read(self._path)
        names = set(table.columns)
        if not names >= set(_NEEDED) or not names & {"document", "title"}:
            what = ", ".join((*_NEEDED, "and document or title"))
            raise FormatError(f"{self._path}: expected the columns {what}, got {', '.join(table.columns)}")
        if only:
            sources = sorted(set(table["source"])) if "source" in names else []
            if only not in sources:
                known = ", ".join(sources) or "no column source"
                raise FormatError(f"{self._path}: expected votes of '{only}' in the column source, found {known}")
            table = table[table["source"] == only]
        self._key = "document" if "document" in names else "title"
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in table.to_dict("records"):
            self._rows.setdefault(str(row[self._key]), []).append(row)

    def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
        """Yields the votes on each document.

        Raises:
            FormatError: a vote names an entity or, in the end, a document that is not there.
        """
        left = dict(self._rows)
        for number, document in enumerate(documents):
            key = str(number) if self._key == "document" else document.title
            yield _most_confident(self._vote(row, document) for row in left.pop(key, self._rows.get(key, [])))
        if left:
            count = sum(map(len, left.values()))
            raise FormatError(
                f"{self._path}: expected votes on the documents that are labelled, got {count} on other ones, such as "
                f"{self._key} '{next(iter(left))}'"
            )

    def _vote(self, row: Mapping[str, Any], document: Document) -> Vote:
        place = f"{self._path}, votes on '{document.title}'"
        try:
            confidence = float(_value(row, "confidence") or 1.0)
        except ValueError:
            raise FormatError(f"{place}, confidence: expected a number, got '{row['confidence']}'") from None
        return Vote(
            head=_entity(_value(row, "head"), document, f"{place}, head"),
            tail=_entity(_value(row, "tail"), document, f"{place}, tail"),
            relation=_value(row, "relation") or None,
            confidence=confidence,
            provenance=_value(row, "provenance"),
        )


def _most_confident(votes: Iterable[Vote]) -> list[Vote]:
    """Returns one vote for each pair and relation."""
    best: dict[tuple[int, int, str | None], Vote] = {}
    for vote in votes:
        key = (vote.head, vote.tail, vote.relation)
        if key not in best or vote.confidence > best[key].confidence:
            best[key] = vote
    return list(best.values())


def _read(path: Path) -> Any:
    """Reads a table as a DataFrame of text."""
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        elif path.suffix in (".jsonl", ".json"):
            table = pd.read_json(path, lines=True, dtype=False)
        else:
            return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise FormatError(f"{path}: expected a table of votes: {error}") from None
    return table.astype(object).where(table.notna(), "")


def _value(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name, ""))


def _entity(value: str, document: Document, place: str) -> int:
    """Returns the entity of a number, an id or a name.

    Raises:
        FormatError: there is none, or a name belongs to several.
    """
    if value.isdecimal():
        number = int(value)
        if number < len(document.entities):
            return number
    found = [n for n, entity in enumerate(document.entities) if entity.id == value] or [
        n for n, entity in enumerate(document.entities) if any(mention.name == value for mention in entity.mentions)
    ]
    if len(found) != 1:
        got = "belongs to several" if found else "is none"
        raise FormatError(f"{place}: expected an entity's number, id or name, got '{value}', which {got}")
    return found[0]
