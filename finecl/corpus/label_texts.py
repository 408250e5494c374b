"""The text of labels for scorers: documents read on demand, and the distances of mentions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from finecl.types import Document, Instances, Ints, LabelTexts

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus


@dataclass(frozen=True)
class CorpusTexts(LabelTexts):
    """The texts of a corpus's instances; see ``LabelTexts``."""

    corpus: Corpus
    instances: Instances

    @property
    def words_between(self) -> Ints:
        """Number of words between the nearest mentions ``[N]``."""
        return self._distances[0]

    @property
    def sentences_between(self) -> Ints:
        """Distance in sentences of the nearest mentions ``[N]``."""
        return self._distances[1]

    def documents(self) -> Iterator[tuple[Document, Ints]]:
        """Yields each document that has instances, with the numbers of its instances."""
        order = np.argsort(self.instances.document, kind="stable")
        of_document = self.instances.document[order]
        for rows in np.split(order, np.flatnonzero(np.diff(of_document)) + 1) if len(order) else ():
            yield self.corpus.document(int(self.instances.document[rows[0]])), rows

    @cached_property
    def _distances(self) -> tuple[Ints, Ints]:
        words, sentences = (np.zeros(len(self.instances), dtype=np.int64) for _ in range(2))
        for document, rows in self.documents():
            for row in rows.tolist():
                near = distances(document, int(self.instances.head[row]), int(self.instances.tail[row]))
                words[row], sentences[row] = near
        return words, sentences


def distances(document: Document, head: int, tail: int) -> tuple[int, int]:
    """Returns the words between the nearest mentions of two entities, and the distance of the nearest in sentences."""
    first = [0, *accumulate(len(sentence) for sentence in document.sentences)]
    spans = [
        [(first[m.sentence] + m.start, first[m.sentence] + m.end, m.sentence) for m in document.entities[e].mentions]
        for e in (head, tail)
    ]
    pairs = [(one, other) for one in spans[0] for other in spans[1]]
    words = min(max(0, other[0] - one[1], one[0] - other[1]) for one, other in pairs)
    return words, min(abs(one[2] - other[2]) for one, other in pairs)
