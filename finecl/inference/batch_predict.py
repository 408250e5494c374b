"""Writes the triples of a file of documents; an interrupted prediction resumes where it stopped.

``.OUT.partial`` holds the triples until the end, one JSON object per line; ``.OUT.progress.json`` holds the number of
valid bytes and a fingerprint of the inputs. Documents are split into the same pieces at every start, so that a resumed
prediction has the same batches as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from typing_extensions import TypedDict

from finecl.artifacts.files import read_json, replacing, write_sealed_json
from finecl.artifacts.locks import only_writer
from finecl.artifacts.outside import Text, Whole, check_record
from finecl.artifacts.provenance import fingerprint
from finecl.errors import FineCLError, FormatError, SettingsError
from finecl.inference.ner import FORM
from finecl.inference.relation_extractor import RelationExtractor
from finecl.inference.triples import Triple
from finecl.types import Document

PIECE = 128  # documents between two notes of how far it came
_ENDINGS = (".jsonl", ".parquet")
_LINES = 65536  # rows of a row group


@dataclass(kw_only=True)
class Predicted:
    """Counts of a prediction; ``resumed_from`` is the number of documents that an interrupted start had finished.

    ``pairs_left_out`` are entity pairs that were not scored: no sentence (of extractors that read marked sentences) or
    window holds both entities.
    """

    documents: int = 0
    entities: int = 0
    triples: int = 0
    pairs_left_out: int = 0
    bytes: int = 0
    by_relation: Counter[str] = field(default_factory=Counter)
    resumed_from: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Returns the counts, for JSON."""
        return {**vars(self), "by_relation": dict(self.by_relation.most_common())}

    def add(self, document: Document, triples: Sequence[Triple]) -> None:
        """Adds a document to the counts."""
        self.documents += 1
        self.entities += len(document.entities)
        self.triples += len(triples)
        self.by_relation.update(triple.relation for triple in triples)


_COUNTS = ("documents", "entities", "triples", "pairs_left_out", "bytes")


class _Progress(TypedDict):
    """Content of ``.OUT.progress.json``; ``sha256``: of the valid bytes of ``.OUT.partial``."""

    made_from: Text
    sha256: Text
    documents: Whole
    entities: Whole
    triples: Whole
    pairs_left_out: Whole
    bytes: Whole
    by_relation: dict[Text, Whole]


@dataclass(kw_only=True)
class Predicting:
    """Prediction of one file: which triples, and where they are written."""

    extractor: RelationExtractor
    output: Path
    made_from: str
    pairs: Literal["all", "labelled"] = "all"
    threshold: float | None = None
    type_constraints: bool = False
    _written: Any = field(default_factory=hashlib.sha256, init=False)

    def run(self, documents: Iterable[Document]) -> Predicted:
        """Writes one row per triple: ``document`` (its number, from 0), ``title``, and the fields of ``Triple``.

        Raises:
            FormatError: a document is invalid, or none has entities; the output is then removed.
            SettingsError: the file name ends with neither .jsonl nor .parquet.
        """
        check_output(self.output)
        with only_writer(self.output):
            return self._run(documents)

    def _run(self, documents: Iterable[Document]) -> Predicted:
        try:
            progress = self._write(documents)
        except FineCLError:
            self._partial.unlink(missing_ok=True)
            self._progress.unlink(missing_ok=True)
            raise
        if self.output.suffix.lower() == ".parquet":
            to_parquet(self._partial, self.output)
            self._partial.unlink()
        else:
            self._partial.replace(self.output)
        self._progress.unlink()
        return progress

    def _write(self, documents: Iterable[Document]) -> Predicted:
        progress = self._begin()
        rest = iter(documents)
        for _ in islice(rest, progress.documents):
            pass
        with self._partial.open("r+b") as stream:
            stream.truncate(progress.bytes)
            stream.seek(progress.bytes)
            while piece := list(islice(rest, PIECE)):
                for line in self._lines(piece, progress):
                    stream.write(line)
                    self._written.update(line)
                stream.flush()
                os.fsync(stream.fileno())
                progress.bytes = stream.tell()
                record = {"made_from": self._made_from, "sha256": self._written.hexdigest()}
                write_sealed_json(self._progress, record | progress.to_dict())
        if progress.documents and not progress.entities:
            self._refuse(progress.documents)
        return progress

    def _refuse(self, documents: int) -> None:
        found = f"documents to predict: expected entities, found none in {documents} documents"
        if self.extractor.found_by:
            raise FormatError(f"{found}; the recogniser of --ner finds none: check its language, or choose another")
        raise FormatError(f"{found}; give documents with entities, or a recogniser: --ner {FORM}")

    def _lines(self, piece: Sequence[Document], progress: Predicted) -> Iterator[bytes]:
        extractor, begin = self.extractor, progress.documents
        left_out = extractor.pairs_left_out - progress.pairs_left_out
        piece = extractor.with_entities(piece)
        triples_by_document = extractor.stream(
            piece,
            pairs=self.pairs,
            threshold=self.threshold,
            type_constraints=self.type_constraints,
            chunk=PIECE,
            find_entities=False,
        )
        for number, (document, triples) in enumerate(zip(piece, triples_by_document, strict=True), start=begin):
            progress.add(document, triples)
            for triple in triples:
                row = {"document": number, "title": document.title, **triple.to_dict()}
                yield json.dumps(row, ensure_ascii=False).encode() + b"\n"
        progress.pairs_left_out = extractor.pairs_left_out - left_out

    def _begin(self) -> Predicted:
        """Returns the progress of an interrupted start with the same inputs; else no progress."""
        try:
            record = read_json(self._progress)
            check_record(record, _Progress, str(self._progress))
            self._read_written(record["bytes"])
        except (FormatError, OSError):
            record = {}
        if record.get("made_from") == self._made_from and record["sha256"] == self._written.hexdigest():
            counts = {name: record[name] for name in _COUNTS}
            return Predicted(**counts, by_relation=Counter(record["by_relation"]), resumed_from=record["documents"])
        self._written = hashlib.sha256()
        self._partial.write_bytes(b"")
        return Predicted()

    def _read_written(self, size: int) -> None:
        """Hashes the part of the output that an interrupted start wrote."""
        self._written = hashlib.sha256()
        with self._partial.open("rb") as stream:
            while size > 0 and (content := stream.read(min(size, 1 << 20))):
                self._written.update(content)
                size -= len(content)

    @property
    def _made_from(self) -> str:
        config = self.extractor.config
        return fingerprint(self.made_from, config, self.pairs, self.threshold, self.type_constraints, PIECE)

    @property
    def _partial(self) -> Path:
        return self.output.with_name(f".{self.output.name}.partial")

    @property
    def _progress(self) -> Path:
        return self.output.with_name(f".{self.output.name}.progress.json")


def check_output(path: Path) -> None:
    """Raises SettingsError unless the output can be written.

    Raises:
        SettingsError: its name ends with neither .jsonl nor .parquet, or its directory does not exist.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise SettingsError(f"{path}: expected a name that ends with .jsonl or .parquet")
    if path.is_dir() or not path.parent.is_dir():
        raise SettingsError(f"{path}: expected a file in an existing directory; check the path")


def to_parquet(lines: Path, path: Path) -> None:
    """Converts a file of triples from JSON lines to Parquet, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = {"document": pa.int64(), "head": pa.int32(), "tail": pa.int32()}
    names = ("document", "title", *Triple.__dataclass_fields__)
    kinds = numbers | dict.fromkeys(("score", "probability"), pa.float64())
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema) as writer,
        lines.open(encoding="utf-8") as stream,
    ):
        while rows := [json.loads(line) for line in islice(stream, _LINES)]:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
