"""Measures the seconds to write a report of 100,000 labels and to open it from disk in headless Chromium.

    python -m finecl_benchmarks.report_speed --keep

The documents are copies of the built-in corpus with distinct titles; noise and weights are random. A page counts as
open when its table of labels shows rows. Each measurement starts a new browser.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from finecl.artifacts.files import write_json
from finecl.artifacts.provenance import environment
from finecl.corpus.corpus import Corpus
from finecl.data.demo.corpora import DemoSettings, demo_corpora
from finecl.errors import FineCLError
from finecl.report.page import write_report
from finecl.types import Instances
from finecl_benchmarks.record import RESULTS

GOAL = 3.0  # seconds to open


def main() -> None:
    """Parses the command line, measures, prints the record and with ``--keep`` writes it."""
    parser = argparse.ArgumentParser(description="Seconds to write and to open a large report.")
    parser.add_argument("--labels", type=int, default=100_000, help="number of labels")
    parser.add_argument("--rounds", type=int, default=5, help="number of times to open the page")
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/report.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        record = measure(Path(directory), arguments.labels, arguments.rounds)
    if arguments.keep:
        write_json(RESULTS / "report.json", record)
    json.dump(record, sys.stdout, indent=1)
    print()


def measure(directory: Path, labels: int, rounds: int) -> dict[str, Any]:
    """Writes and opens a report in ``directory`` and returns the record."""
    corpus, instances = synthetic(directory, labels)
    write_scores(directory, instances)
    began = time.perf_counter()
    page = write_report(directory, corpus)
    wrote = time.perf_counter() - began
    seconds = [open_seconds(page) for _ in range(rounds)]
    return {
        "benchmark": "report",
        "labels": len(instances),
        "documents": len(corpus),
        "megabytes": page.stat().st_size / 1e6,
        "write_seconds": wrote,
        "open_seconds": seconds,
        "open_seconds_median": statistics.median(seconds),
        "goal": GOAL,
        **environment(),
    }


def synthetic(directory: Path, labels: int) -> tuple[Corpus, Instances]:
    """Returns copies of the built-in corpus with distinct titles, and its first ``labels`` labels."""
    originals = demo_corpora(1, DemoSettings(silver=500, train=1, dev=1, test=1)).silver
    copies = -(-labels // sum(len(document.labels) for document in originals))
    documents = (replace(d, title=f"{d.title}, copy {copy}") for copy in range(copies) for d in originals)
    corpus = Corpus.from_documents(documents, directory / "corpus.arrow")
    instances = corpus.instances(corpus.relations)
    selected = np.arange(len(instances)) < labels
    return corpus, instances.part(selected, document=instances.document)


def write_scores(directory: Path, instances: Instances) -> None:
    """Writes the files of a scored run with random noise and weights for these labels."""
    generator, count = np.random.default_rng(0), len(instances)
    names = np.array(instances.relations, dtype=object)
    columns = {
        "uid": [f"{uid:016x}" for uid in instances.uid.tolist()],
        "document": instances.document,
        "head": instances.head,
        "tail": instances.tail,
        "relation": names[instances.relation],
        "noise": generator.random(count, dtype=np.float32),
        "weight": generator.random(count, dtype=np.float32),
        "learned_batch": generator.integers(0, 16, count),
        "learned_epoch": generator.integers(0, 16, count),
    }
    pq.write_table(pa.table(columns), directory / "scores.parquet")
    scorers = {name: generator.random(count, dtype=np.float32) for name in ("small-loss", "confidence", "forgetting")}
    pq.write_table(pa.table({"uid": columns["uid"], **scorers}), directory / "scorers.parquet")
    write_json(directory / "run.json", {"name": "many labels"})


def open_seconds(page: Path) -> float:
    """Returns the seconds from requesting the page in a new browser until its table shows rows.

    Raises:
        FineCLError: no Chromium is installed.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        path = chromium_of(driver)
        if path is None:
            raise FineCLError("expected a Chromium, found none; install one, or run `playwright install chromium`")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_page()
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("#labels-rows tr")
        seconds = time.perf_counter() - began
        browser.close()
    return seconds


def chromium_of(driver: Any) -> str | None:
    """Returns the path of the system's Chromium, else of the one that playwright installed, else None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    paths = (*map(shutil.which, names), driver.chromium.executable_path)
    return next((path for path in paths if path and Path(path).exists()), None)


if __name__ == "__main__":
    main()
