"""Data sets of the library ``datasets``: a folder written by ``save_to_disk``, or a name on the Hugging Face hub.

The columns decide how rows are read: ``sents`` and ``vertexSet`` as DocRED's or finecl's own; ``subj_start`` as
TACRED's; ``h`` and ``t`` as OpenNRE's; ``tokenized_text`` as GLiREL's; ``text`` (or ``sentence``) with ``head``,
``relation`` and ``tail``, or with ``label``, as in CSV files; ``sentence`` with <e1> and <e2> as SemEval's.
Labels stored as numbers (``ClassLabel``) are converted to their names. To read one of several splits, name it after
a colon: ``owner/name:train``, ``folder:train``. Writes finecl's own columns.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.types import Document, Format, declared
from finecl_formats.data_card import README, DataCard
from finecl_formats.delimited import Delimited
from finecl_formats.docred import DocRED
from finecl_formats.files import replacing_folder
from finecl_formats.glirel import GLiREL
from finecl_formats.json_values import Value, shortened
from finecl_formats.jsonl import JSONLines
from finecl_formats.opennre import OpenNRE
from finecl_formats.parquet import Parquet
from finecl_formats.records import Records
from finecl_formats.semeval import SemEval
from finecl_formats.tacred import TACRED

_SAVED = ("state.json", "dataset_dict.json")
_READERS: tuple[tuple[tuple[str, ...], Records], ...] = (
    (("sents", "vertexSet"), JSONLines()),
    (("token", "subj_start"), TACRED()),
    (("relation", "h", "t"), OpenNRE()),
    (("tokenized_text", "ner"), GLiREL()),
    (("text", "head", "relation", "tail"), Delimited()),
    (("sentence", "head", "relation", "tail"), Delimited()),
    (("sentence", "relation"), SemEval()),
    (("text", "label"), Delimited()),
    (("sentence", "label"), Delimited()),
)


@dataclass(frozen=True, kw_only=True)
class HuggingFace(Records):
    """A data set on disk (save_to_disk) or on the hub, read by its columns."""

    def recognises(self, path: Path) -> bool:
        """Returns whether the path is a folder written by ``save_to_disk``."""
        try:
            folder = _folder_and_split(path)[0]
            return any((folder / name).is_file() for name in _SAVED)
        except OSError:  # a name too long for a file
            return False

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the rows.

        Raises:
            FormatError: the data set does not exist, has several splits, or has unknown columns.
        """
        dataset = _one_split(_loaded(path), path)
        kind = _kind(dataset, path)
        names = {name: f.names for name, f in dataset.features.items() if type(f).__name__ == "ClassLabel"}
        for number, row in enumerate(dataset, start=1):
            named = {name: texts[row[name]] for name, texts in names.items() if (row[name] or 0) >= 0}
            yield Value({"kind": kind, "number": number, "row": row | named}, f"{path}: row {number}")

    def document(self, record: Value) -> Document:
        """Converts a row to a document."""
        reader: Records
        reader, row = _READERS[record.content["kind"]][1], dict(record.content["row"])
        if isinstance(reader, SemEval):
            row = {
                "id": str(record.content["number"]),
                "text": str(row["sentence"]).strip().strip('"'),
                "relation": row["relation"],
            }
        if isinstance(reader, Delimited):
            row = {name: "" if value is None else str(value) for name, value in row.items()}
        if isinstance(reader, JSONLines):
            row["labels"] = _as_list(row.get("labels"))
            if any("h" in label or "relation_id" in label for label in row["labels"]):
                reader = DocRED()
                row["labels"] = [_docred_label(label) for label in row["labels"]]
        return reader.document(Value(row, record.place))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes a folder that ``datasets.load_from_disk`` reads, and its data card.

        Raises:
            FormatError: the folder is not empty or cannot be written.
        """
        import datasets

        with replacing_folder(path) as folder, _quiet():
            card = DataCard()
            Parquet().write(card.counted(documents), folder / "rows.parquet")
            rows = datasets.Dataset.from_parquet(str(folder / "rows.parquet"), cache_dir=str(folder / "cache"))
            _save(rows, folder)
            (folder / "rows.parquet").unlink()
            _remove(folder / "cache")
            (folder / README).write_text(card.text(path.name), encoding="utf-8")

    def rewrite(self, source: Path, documents: Iterable[Document | None], path: Path) -> None:
        """Copies a data set with other labels; of one with a label a row, all other columns, without unlabelled rows.

        Raises:
            FormatError: the folder is not empty or cannot be written, or a label is none of the column's classes.
        """
        dataset = _one_split(_loaded(source), source)
        names, reader = _READERS[_kind(dataset, source)]
        if not declared(reader, Format, "one_label"):
            super().rewrite(source, documents, path)
            return
        column = "label" if "label" in names else "relation"
        kept = {number: d.labels[0].relation for number, d in enumerate(documents) if d and d.labels}
        classes = dataset.features[column]
        values: list[Any] = list(kept.values())
        if type(classes).__name__ == "ClassLabel":
            unknown = sorted(set(values) - set(classes.names))
            if unknown:
                known = shortened(", ".join(classes.names), 120)
                raise FormatError(f"{path}, {column}: expected one of {known}, got '{shortened(unknown[0])}'")
            values = [classes.names.index(value) for value in values]
        rows = dataset.select(list(kept)).remove_columns(column).add_column(column, values, feature=classes)
        with replacing_folder(path) as folder, _quiet():
            _save(rows.select_columns(dataset.column_names), folder)


def _kind(dataset: Any, path: Path) -> int:
    """Returns the number of the reader that reads these columns.

    Raises:
        FormatError: none does.
    """
    for number, (names, _) in enumerate(_READERS):
        if set(names) <= set(dataset.column_names):
            return number
    known = " | ".join(" and ".join(names) for names, _ in _READERS)
    actual = shortened(", ".join(dataset.column_names), 200)
    raise FormatError(f"{path}: expected the columns {known}, got {actual}; rename the columns")


def _save(rows: Any, folder: Path) -> None:
    rows.save_to_disk(str(folder / "saved"))
    for file in (folder / "saved").iterdir():
        file.rename(folder / file.name)
    _remove(folder / "saved")


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder)


def _folder_and_split(path: Path) -> tuple[Path, str]:
    name, _, split = str(path).rpartition(":")
    return (Path(name), split) if name and not path.exists() else (path, "")


def _loaded(path: Path) -> Any:
    """Loads a data set from a folder or from the hub.

    Raises:
        FormatError: it cannot be loaded.
    """
    import datasets

    try:
        folder, split = _folder_and_split(path)
        with _quiet():
            loaded = datasets.load_from_disk(str(folder)) if folder.is_dir() else datasets.load_dataset(str(folder))
    except Exception as error:  # the library, the network and Arrow raise many types
        actual = shortened(f"{type(error).__name__}: {error}", 120)
        what = f"expected a data set of Hugging Face's library, got '{actual}'"
        raise FormatError(f"{path}: {what}; check the folder, the name or the network") from None
    if not split:
        return loaded
    if split not in _splits(loaded):
        known = ", ".join(_splits(loaded))
        raise FormatError(f"{path}: expected one of the splits {known}, got '{shortened(split)}'; name one of them")
    return loaded[split]


@contextmanager
def _quiet() -> Iterator[None]:
    """Disables the library's progress bars."""
    import datasets

    shown_before = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown_before:
            datasets.enable_progress_bars()


def _splits(loaded: Any) -> list[str]:
    return list(loaded) if isinstance(loaded, Mapping) else []


def _one_split(loaded: Any, path: Path) -> Any:
    splits = _splits(loaded)
    if len(splits) > 1:
        raise FormatError(f"{path}: expected one split, got {', '.join(splits)}; name one: {path}:{splits[0]}")
    return loaded[splits[0]] if splits else loaded


def _as_list(labels: Any) -> list[Any]:
    """Returns labels as a list of objects; the hub's DocRED stores them as an object of lists."""
    if isinstance(labels, Mapping):
        return [dict(zip(labels, values, strict=True)) for values in zip(*labels.values(), strict=True)]
    return list(labels or [])


def _docred_label(label: Mapping[str, Any]) -> dict[str, Any]:
    if "relation_id" not in label:
        return dict(label)
    return {"h": label["head"], "t": label["tail"], "r": label["relation_id"], "evidence": label.get("evidence")}
