"""Any data set of the library ``datasets``: a folder of ``save_to_disk``, or a name on the Hugging Face hub.

Rows are read by their columns: ``sents`` and ``vertexSet`` as DocRED's or finecl's own; ``subj_start`` as TACRED's;
``h`` and ``t`` as OpenNRE's; ``tokenized_text`` as GLiREL's; ``sentence`` with <e1> and <e2> as SemEval's. Labels
that are stored as numbers are read by the names that the data set has for them. Of a data set with several splits
one is named after a colon: ``owner/name:train``, ``folder:train``. Written are finecl's own columns.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.docred import DocRED
from finecl_formats.files import replacing_folder
from finecl_formats.glirel import GLiREL
from finecl_formats.jsonl import JSONLines
from finecl_formats.opennre import OpenNRE
from finecl_formats.parquet import Parquet
from finecl_formats.records import Records
from finecl_formats.semeval import SemEval
from finecl_formats.tacred import TACRED
from finecl_formats.values import Value, shown

_SAVED = ("state.json", "dataset_dict.json")
_READERS: tuple[tuple[tuple[str, ...], Records], ...] = (
    (("sents", "vertexSet"), JSONLines()),
    (("token", "subj_start"), TACRED()),
    (("relation", "h", "t"), OpenNRE()),
    (("tokenized_text", "ner"), GLiREL()),
    (("sentence", "relation"), SemEval()),
)


@dataclass(frozen=True, kw_only=True)
class HuggingFace(Records):
    """A data set on disk (save_to_disk) or on the hub, read by its columns."""

    def recognises(self, path: Path) -> bool:
        """Whether it is a folder that ``datasets`` has saved."""
        try:
            folder = _folder_and_split(path)[0]
            return any((folder / name).is_file() for name in _SAVED)
        except OSError:  # a name that is too long for any file
            return False

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The rows.

        Raises:
            FormatError: there is no such data set, it has several splits, or its columns are not known.
        """
        dataset = _one_split(_loaded(path), path)
        kind = next((n for n, (names, _) in enumerate(_READERS) if set(names) <= set(dataset.column_names)), None)
        if kind is None:
            known = " | ".join(" and ".join(names) for names, _ in _READERS)
            came = shown(", ".join(dataset.column_names), 200)
            raise FormatError(f"{path}: expected the columns {known}, got {came}; rename the columns")
        names = {name: f.names for name, f in dataset.features.items() if type(f).__name__ == "ClassLabel"}
        for number, row in enumerate(dataset, start=1):
            named = {name: texts[row[name]] for name, texts in names.items() if (row[name] or 0) >= 0}
            yield Value({"kind": kind, "number": number, "row": row | named}, f"{path}: row {number}")

    def document(self, record: Value) -> Document:
        """The document of a row."""
        reader: Records
        reader, row = _READERS[record.content["kind"]][1], dict(record.content["row"])
        if isinstance(reader, SemEval):
            row = {
                "id": str(record.content["number"]),
                "text": str(row["sentence"]).strip().strip('"'),
                "relation": row["relation"],
            }
        if isinstance(reader, JSONLines):
            row["labels"] = _as_list(row.get("labels"))
            if any("h" in label or "relation_id" in label for label in row["labels"]):
                reader = DocRED()
                row["labels"] = [_docred_label(label) for label in row["labels"]]
        return reader.document(Value(row, record.place))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes a folder that ``datasets.load_from_disk`` reads.

        Raises:
            FormatError: the folder is in use or cannot be written.
        """
        import datasets

        with replacing_folder(path) as folder, _quiet():
            Parquet().write(documents, folder / "rows.parquet")
            rows = datasets.Dataset.from_parquet(str(folder / "rows.parquet"), cache_dir=str(folder / "cache"))
            rows.save_to_disk(str(folder / "saved"))
            for file in (folder / "saved").iterdir():
                file.rename(folder / file.name)
            (folder / "rows.parquet").unlink()
            _remove(folder / "saved", folder / "cache")


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder)


def _folder_and_split(path: Path) -> tuple[Path, str]:
    name, _, split = str(path).rpartition(":")
    return (Path(name), split) if name and not path.exists() else (path, "")


def _loaded(path: Path) -> Any:
    """The data set, from a folder or from the hub.

    Raises:
        FormatError: it cannot be loaded.
    """
    import datasets

    try:
        folder, split = _folder_and_split(path)
        with _quiet():
            found = datasets.load_from_disk(str(folder)) if folder.is_dir() else datasets.load_dataset(str(folder))
    except Exception as error:  # whatever the library, the network or Arrow raise
        came = shown(f"{type(error).__name__}: {error}", 120)
        what = f"expected a data set of Hugging Face's library, got '{came}'"
        raise FormatError(f"{path}: {what}; check the folder, the name or the network") from None
    if not split:
        return found
    if split not in _splits(found):
        raise FormatError(f"{path}: expected one of the splits {', '.join(_splits(found))}, got '{shown(split)}'")
    return found[split]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's own progress bars."""
    import datasets

    shown_before = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown_before:
            datasets.enable_progress_bars()


def _splits(found: Any) -> list[str]:
    return list(found) if isinstance(found, Mapping) else []


def _one_split(found: Any, path: Path) -> Any:
    splits = _splits(found)
    if len(splits) > 1:
        raise FormatError(f"{path}: expected one split, got {', '.join(splits)}; name one: {path}:{splits[0]}")
    return found[splits[0]] if splits else found


def _as_list(labels: Any) -> list[Any]:
    """Labels as a list of objects; the hub's DocRED keeps them as an object of lists."""
    if isinstance(labels, Mapping):
        return [dict(zip(labels, values, strict=True)) for values in zip(*labels.values(), strict=True)]
    return list(labels or [])


def _docred_label(label: Mapping[str, Any]) -> dict[str, Any]:
    if "relation_id" not in label:
        return dict(label)
    return {"h": label["head"], "t": label["tail"], "r": label["relation_id"], "evidence": label.get("evidence")}
