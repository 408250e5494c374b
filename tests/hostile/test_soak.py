"""Thousands of calls of one extractor, and of eight threads at once: the same answers, and nothing grows.

FINECL_HOSTILE=all makes 2,000 calls in each test; see ``finecl_benchmarks.hostile``.
"""

from __future__ import annotations

import ctypes
import gc
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from finecl import RelationExtractor
from finecl.types import Document
from tests.end_to_end.conftest import Small
from tests.hostile.conftest import ALL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SEED, CALLS, THREADS = 20, 2000 if ALL else 120, 8
MOST_GROWTH = 20.0
"""MB that memory may grow between the calls after the first fifth and the last one."""


def used() -> dict[str, float]:
    """Returns the memory in MB, without what the allocator holds for later, threads and open files of this process."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    values = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
    files = len(list(Path("/proc/self/fd").iterdir()))
    return {"memory": int(values["VmRSS"]) / 1000, "threads": int(values["Threads"]), "files": files}


def selections(documents: Sequence[Document], count: int) -> Iterator[list[Document]]:
    """Yields seeded choices of one to all documents, in any order."""
    rng = random.Random(SEED)
    for _ in range(count):
        yield rng.sample(list(documents), rng.randint(1, len(documents)))


def answers(extractor: RelationExtractor, documents: Sequence[Document]) -> list[Any]:
    return [(t.relation, t.head, t.tail, round(t.score, 4)) for d in extractor(documents, threshold=0.0) for t in d]


@pytest.fixture
def extractor(finished_run: Path) -> RelationExtractor:
    return RelationExtractor.from_pretrained(finished_run)


def expected_of(extractor: RelationExtractor, documents: Sequence[Document]) -> dict[str, list[Any]]:
    """Returns the answers for each document alone."""
    return {document.title: answers(extractor, [document]) for document in documents}


def check_growth(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Checks that nothing grew; returns what was measured."""
    grown = {name: after[name] - before[name] for name in after}
    assert grown["memory"] < MOST_GROWTH, (before, after)
    assert grown["threads"] <= 0, (before, after)
    assert grown["files"] <= 0, (before, after)
    return {"memory MB": round(after["memory"], 1), "memory growth MB": round(grown["memory"], 1)}


def test_thousands_of_calls_give_the_same_answers_and_nothing_grows(
    small: Small, extractor: RelationExtractor, counts: dict[str, Any]
) -> None:
    documents = small.documents["test"]
    expected = expected_of(extractor, documents)
    before = used()
    for number, chosen in enumerate(selections(documents, CALLS)):
        assert answers(extractor, chosen) == [each for d in chosen for each in expected[d.title]], number
        if number == CALLS // 5:
            before = used()
    counts["soak"] = {"calls": CALLS, "same answers": CALLS} | check_growth(before, used())


def test_eight_threads_get_the_same_answers_and_nothing_grows(
    small: Small, extractor: RelationExtractor, counts: dict[str, Any]
) -> None:
    documents = small.documents["test"]
    expected = expected_of(extractor, documents)

    def same(chosen: list[Document]) -> bool:
        return answers(extractor, chosen) == [each for d in chosen for each in expected[d.title]]

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(same, selections(documents, CALLS // 5)))
        before = used()
        assert all(pool.map(same, selections(documents, CALLS)))
        measured = check_growth(before, used())
    counts["soak with threads"] = {"calls": CALLS, "same answers": CALLS} | measured
