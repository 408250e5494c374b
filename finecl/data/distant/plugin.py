"""The recogniser ``names`` and the labeler ``knowledge-graph``; not in a plugin, since distant labelling uses them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from finecl.data.distant.labelling import Labelling, Matcher
from finecl.errors import SettingsError
from finecl.hookspecs import hookimpl
from finecl.types import Document, Labelers, Recognisers, Vote


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


class KnowledgeGraph:
    """``knowledge-graph:TRIPLES``: the facts of a triple file (distant supervision)."""

    def __init__(
        self,
        source: str,
        *,
        names: str = "",
        types: str = "",
        properties: str = "",
        match: Matcher = "either",
        no_relation_pairs: int = 0,
        seed: int = 42,
    ) -> None:
        """Reads the graph; the settings are the options of ``finecl data label``.

        Raises:
            SettingsError: there is no source.
            FormatError: a file cannot be read.
        """
        from finecl.data.distant.knowledge_graph import Graph
        from finecl.data.distant.properties import Properties

        if not source:
            raise SettingsError("knowledge-graph: expected a file of triples, such as knowledge-graph:triples.tsv")
        files = {"names": Path(names) if names else None, "types": Path(types) if types else None}
        known = Properties.read(Path(properties)) if properties else None
        graph = Graph.read(Path(source), properties=known, **files)
        self._labelling = Labelling(graph=graph, match=match, candidates=no_relation_pairs, seed=seed)

    def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
        """Yields a vote for each fact between two entities, and votes for no relation on sampled other pairs."""
        for document, facts in self._labelling.label(documents):
            yield [
                Vote(
                    head=label.head,
                    tail=label.tail,
                    relation=label.relation if fact else None,
                    provenance=f"{fact.head_id} {label.relation} {fact.tail_id}, by {fact.matcher}" if fact else "",
                )
                for label, fact in zip(document.labels, facts, strict=True)
            ]


@hookimpl
def recognisers() -> Recognisers:
    """Returns names."""
    return {"names": Names}


@hookimpl
def labelers() -> Labelers:
    """Returns knowledge-graph."""
    return {"knowledge-graph": KnowledgeGraph}
