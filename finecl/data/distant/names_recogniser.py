"""The recogniser ``names``; here and not in a plugin, since labelling finds names in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from finecl.hookspecs import hookimpl
from finecl.types import Document, Recognisers


class Names:
    """``names:TRIPLES``: the names in a triple file, word by word."""

    def __init__(self, source: str, *, ignore_case: bool = False) -> None:
        """Reads the file.

        Raises:
            FormatError: the file cannot be read.
        """
        from finecl.data.distant.gazetteer import Gazetteer
        from finecl.data.distant.knowledge_graph import Graph

        self._gazetteer = Gazetteer(Graph.read(Path(source)), ignore_case=ignore_case)

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents with the entities found."""
        return self._gazetteer.find(documents)


@hookimpl
def recognisers() -> Recognisers:
    """Returns names."""
    return {"names": Names}
