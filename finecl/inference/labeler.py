"""The labeler ``extractor``: predictions of a trained extractor as votes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from finecl.errors import SettingsError
from finecl.hookspecs import hookimpl
from finecl.types import Document, Labelers, Vote

_CHUNK = 256  # documents of a prediction


class Trained:
    """``extractor:DIRECTORY``: what a trained extractor, such as another run's, predicts (self-training)."""

    def __init__(self, source: str, *, variant: str = "pretrained", threshold: float = 0.0) -> None:
        """Loads the extractor; ``variant`` is which of a run's. ``threshold`` 0: the one that dev chose.

        Raises:
            SettingsError: there is no source.
            ModelError: the extractor cannot be loaded.
        """
        from finecl.inference.relation_extractor import RelationExtractor

        if not source:
            raise SettingsError("extractor: expected a run or the directory of an extractor, such as extractor:runs/a")
        self._extractor = RelationExtractor.from_pretrained(source, variant=variant)
        self._threshold = threshold or None
        self._source = source

    def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
        """Yields a vote for each predicted triple, with its calibrated probability as confidence."""
        rest = iter(documents)
        while chunk := list(islice(rest, _CHUNK)):
            for triples in self._extractor(chunk, threshold=self._threshold):
                yield [
                    Vote(
                        head=triple.head,
                        tail=triple.tail,
                        relation=triple.relation,
                        confidence=triple.probability,
                        provenance=f"score {triple.score:.3f}",
                    )
                    for triple in triples
                ]


@hookimpl
def labelers() -> Labelers:
    """Returns extractor."""
    return {"extractor": Trained}
