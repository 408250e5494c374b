"""Texts of sample labels, for scorers that read text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from finecl.types import Document, Entity, Instances, Ints, Mention


@dataclass(frozen=True)
class SampleTexts:
    """Documents of one sentence, whose words are its six entities."""

    instances: Instances

    @property
    def words_between(self) -> Ints:
        """Words between head and tail ``[N]``."""
        return np.asarray(np.abs(self.instances.head - self.instances.tail) - 1, dtype=np.int64)

    @property
    def sentences_between(self) -> Ints:
        """Returns 0 for all ``[N]``."""
        return np.zeros(len(self.instances), dtype=np.int64)

    def documents(self) -> Iterator[tuple[Document, Ints]]:
        """Yields each document with the numbers of its instances."""
        words = tuple(f"Name{number}" for number in range(6))
        mentions = [Mention(sentence=0, start=n, end=n + 1, name=word) for n, word in enumerate(words)]
        entities = tuple(Entity(mentions=(mention,)) for mention in mentions)
        for document in np.unique(self.instances.document).tolist():
            rows = np.flatnonzero(self.instances.document == document)
            yield Document(title=str(document), sentences=(words,), entities=entities), rows
