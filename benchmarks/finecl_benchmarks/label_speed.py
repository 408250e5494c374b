"""Measures the time and memory of distant labelling: 10 million triples and 100,000 synthetic documents.

    python -m finecl_benchmarks.label_speed

Documents have the size of DocRED's distantly labelled ones. Their entities are sampled from the graph, some far more
often than others, and nine of their pairs are facts of the graph. The measured time is that of ``finecl data label``:
reading triples and documents, validating, joining, and writing documents and facts. Generating the synthetic files is
not included.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parents[1] / "results"
_SENTENCES, _WORDS, _ENTITIES, _RELATIONS = 8, 25, 19, 96
_SEED = 42


def main() -> None:
    """Parses the command line, measures, prints the record and writes it."""
    parser = argparse.ArgumentParser(description="Speed and memory of distant labelling.")
    parser.add_argument("--documents", type=int, default=100_000, help="number of documents")
    parser.add_argument("--triples", type=int, default=10_000_000, help="number of triples")
    parser.add_argument("--threads", type=int, default=2, help="number of threads of polars")
    arguments = parser.parse_args()
    os.environ["POLARS_MAX_THREADS"] = str(arguments.threads)
    record = measure(arguments.documents, arguments.triples, arguments.threads)
    from finecl.artifacts.files import write_json

    write_json(RESULTS / "label-speed.json", record)
    json.dump(record, sys.stdout, indent=1)
    print()


def measure(documents: int, triples: int, threads: int) -> dict[str, Any]:
    """Measures labelling and returns the record.

    Another process generates the files, so that the peak memory is that of labelling alone.
    """
    import subprocess

    from finecl.artifacts.provenance import environment

    with tempfile.TemporaryDirectory() as directory:
        code = f"from finecl_benchmarks.label_speed import generate; generate({directory!r}, {documents}, {triples})"
        subprocess.run([sys.executable, "-c", code], check=True)
        measured = _label(Path(directory))
    return {
        "benchmark": "label-speed",
        "settings": {"documents": documents, "triples": triples, "threads": threads, "match": "id"},
        **measured,
        **environment(),
    }


def _label(directory: Path) -> dict[str, Any]:
    from finecl import registry as plugins
    from finecl.artifacts.provenance import peak_memory
    from finecl.data.distant.files import label
    from finecl.data.distant.knowledge_graph import Graph
    from finecl.data.distant.labelling import Labelling
    from finecl.data.formats import DocumentFile

    registry = plugins.load()
    source = DocumentFile.open(directory / "documents.jsonl", registry)
    began = time.perf_counter()
    graph = Graph.read(directory / "triples.tsv")
    read = time.perf_counter()
    writer = registry.create("format", "jsonl", {})
    counts = label(
        source,
        Labelling(graph=graph, match="id", candidates=3),
        writer,
        directory / "silver.jsonl",
        facts=directory / "facts.parquet",
    )
    ended = time.perf_counter()
    return {
        "seconds": {"all": ended - began, "graph": read - began, "documents": ended - read},
        "peak_memory_gb": peak_memory() / 1e9,
        "found": {key: value for key, value in counts.to_dict().items() if isinstance(value, int)},
    }


def generate(directory: str, documents: int, triples: int) -> None:
    """Generates the synthetic triples and documents."""
    import polars as pl

    generator = np.random.default_rng(_SEED)
    entities = triples // 2
    # Squared uniform numbers: entities with low numbers are far more frequent, as countries are in Wikidata.
    head, tail = ((generator.random(triples) ** 2 * entities).astype(np.int64) for _ in range(2))
    relation = generator.integers(0, _RELATIONS, triples)
    frame = pl.DataFrame({"head": head, "relation": relation, "tail": tail})
    named = [pl.format(f"{sign}{{}}", pl.col(name)) for name, sign in (("head", "Q"), ("relation", "P"), ("tail", "Q"))]
    frame.select(named).write_csv(Path(directory) / "triples.tsv", separator="\t", include_header=False)
    with (Path(directory) / "documents.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(documents):
            stream.write(json.dumps(_document(number, head, tail, entities, generator)) + "\n")


def _document(number: int, head: Any, tail: Any, entities: int, generator: np.random.Generator) -> dict[str, Any]:
    linked = generator.integers(0, len(head), _ENTITIES // 2)
    entity_numbers = np.unique([*head[linked], *tail[linked], *generator.integers(0, entities, 2)])[:_ENTITIES]
    words = generator.integers(0, 30_000, (_SENTENCES, _WORDS))
    vertices = []
    for at, entity in enumerate(entity_numbers.tolist()):
        sentence, start = at % _SENTENCES, 2 * (at // _SENTENCES)
        mention = {"name": f"Q{entity}", "sent_id": sentence, "pos": [start, start + 1], "type": "MISC"}
        vertices.append([mention, mention | {"pos": [start + 10, start + 11]}])
    return {
        "title": f"document {number}",
        "sents": [[f"w{word}" for word in sentence] for sentence in words.tolist()],
        "vertexSet": vertices,
        "labels": [],
        "entity_ids": [f"Q{entity}" for entity in entity_numbers.tolist()],
    }


if __name__ == "__main__":
    main()
