"""Extractors are loaded and asked by several threads at once, with the results of one thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from finecl import RelationExtractor
from tests.end_to_end.conftest import Small, finished_run, small

__all__ = ["finished_run", "small"]


def test_threads_load_and_ask_extractors_at_once(small: Small, finished_run: Path) -> None:
    documents = list(small.documents["test"])
    expected = RelationExtractor.from_pretrained(finished_run)(documents, threshold=0.0)

    def ask(_: int) -> object:
        return RelationExtractor.from_pretrained(finished_run)(documents, threshold=0.0)

    with ThreadPoolExecutor(8) as pool:
        assert all(answer == expected for answer in pool.map(ask, range(16)))
