"""Tests of the text that scorers read: distances equal a count over all mentions, and documents come on demand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from finecl.corpus.corpus import Corpus
from finecl.corpus.label_texts import CorpusTexts, distances
from tests.helpers import tiny


def test_distances_are_of_the_nearest_mentions() -> None:
    document = tiny.document("d", ["Ada met Bob and Cid", "the house of Cid", "Ada left"], ["Ada", "Bob", "Cid"])
    assert distances(document, 0, 1) == (1, 0)
    assert distances(document, 1, 0) == (1, 0)
    assert distances(document, 1, 2) == (1, 0)
    assert distances(document, 0, 2) == (0, 0)  # Cid ends its sentence, Ada begins the next; one sentence holds both


def test_every_instance_has_its_document_and_its_distances(tmp_path: Path) -> None:
    samples = tiny.documents(12)
    corpus = Corpus.from_documents(samples, tmp_path / "a.arrow")
    instances = corpus.instances(corpus.relations)
    texts = CorpusTexts(corpus, instances)
    seen = []
    for document, rows in texts.documents():
        seen += rows.tolist()
        for row in rows.tolist():
            assert document == samples[instances.document[row]]
            expected = distances(document, int(instances.head[row]), int(instances.tail[row]))
            assert (texts.words_between[row], texts.sentences_between[row]) == expected
    assert sorted(seen) == np.arange(len(instances)).tolist()
