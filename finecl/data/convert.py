"""Converts documents between formats."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from finecl.errors import SettingsError
from finecl.types import Document, Entity, Format, Mention

Change = Callable[[Document], Document]


@dataclass
class Converted:
    """Numbers of documents, entities and labels that were written."""

    documents: int = 0
    entities: int = 0
    labels: int = 0


def convert(documents: Iterable[Document], format: Format, path: Path, *, drop: Sequence[str] = ()) -> Converted:
    """Writes documents, one at a time, in a format; ``drop`` lists the information to leave out, see ``DROPS``.

    Raises:
        FormatError: a document is invalid, or the format cannot represent it; no file is written.
        SettingsError: ``drop`` has an unknown name.
    """
    changes = [_known(name) for name in drop]
    counts = Converted()

    def counted() -> Iterator[Document]:
        for document in documents:
            for change in changes:
                document = change(document)
            counts.documents += 1
            counts.entities += len(document.entities)
            counts.labels += len(document.labels)
            yield document

    format.write(counted(), path)
    return counts


def _known(name: str) -> Change:
    if name not in DROPS:
        raise SettingsError(f"--drop: expected one of {', '.join(DROPS)}, got '{name}'")
    return DROPS[name]


def _each_entity(change: Callable[[Entity, Document], Entity]) -> Change:
    return lambda d: replace(d, entities=tuple(change(entity, d) for entity in d.entities))


def _each_mention(change: Callable[[Mention, Document], Mention]) -> Change:
    return _each_entity(lambda entity, d: replace(entity, mentions=tuple(change(m, d) for m in entity.mentions)))


def _named_by_words(mention: Mention, document: Document) -> Mention:
    words = document.sentences[mention.sentence][mention.start : mention.end]
    return replace(mention, name=" ".join(words))


def _each_label(**fields: object) -> Change:
    return lambda d: replace(d, labels=tuple(replace(label, **fields) for label in d.labels))  # type: ignore[arg-type]


DROPS: Mapping[str, Change] = {
    "ids": _each_entity(lambda entity, _: replace(entity, id=None)),
    "types": _each_mention(lambda mention, _: replace(mention, type=None)),
    "names": _each_mention(_named_by_words),
    "evidence": _each_label(evidence=()),
    "truth": _each_label(truth=None),
    "labels": lambda d: replace(d, labels=()),
    "entities": lambda d: replace(d, entities=(), labels=()),
}
"""Information that can be dropped for formats that lack it; "names": names that differ from a mention's words."""


@contextmanager
def none_if_not_all(paths: Sequence[Path]) -> Iterator[None]:
    """Removes those of these files that did not exist before if writing any of them fails."""
    new = [path for path in paths if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise
