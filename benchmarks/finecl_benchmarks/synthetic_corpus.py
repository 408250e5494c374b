"""A synthetic corpus of any size: copies of Re-DocRED's documents with distinct titles, as JSON lines.

The engine prepares the corpus as a run does and samples the batches of one epoch. The file is written in another
process, so that the measured peak memory excludes it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.artifacts.files import cache_directory, numbered_lines
from finecl.config.schema import DataSettings
from finecl.data.formats import recognise
from finecl.extraction.examples import ExtractionDataset
from finecl.pipeline.corpora import read_corpus
from finecl.tokens.token_table import TokenizedCorpus
from finecl_benchmarks.speed_setup import Engine, documents_file, encoder_of, pretraining_of


def write_copies(factor: int, path: Path) -> None:
    """Writes ``factor`` copies of Re-DocRED's 500 dev documents as canonical JSONL, at most 15 labels per document."""
    if path.exists():
        return
    registry = plugins.load()
    documents = list(recognise(documents_file(), registry).read(documents_file()))
    originals = path.with_suffix(".one")
    registry.create("format", "jsonl", {}).write(documents, originals)
    rows = [json.loads(line) for _, line in numbered_lines(originals.read_text(encoding="utf-8"))]
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        for copy in range(factor):
            for row in rows:
                row["title"] = f"{row['title'].split(' #')[0]} #{copy}"
                row["labels"] = row["labels"][:15]
                file.write(json.dumps(row) + "\n")
    unfinished.replace(path)


def engine(thousands: int) -> Engine:
    """Returns an engine that prepares a corpus of ``thousands`` thousand documents in its only step."""
    path = cache_directory() / "synthetic" / f"{thousands}k.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    # In another process, so that this one's peak memory is that of preparing and sampling.
    code = (
        "from pathlib import Path; from finecl_benchmarks.synthetic_corpus import write_copies; "
        f"write_copies({2 * thousands}, Path({str(path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    return lambda number: prepare_and_sample(path)


def prepare_and_sample(path: Path, batch_size: int = 768) -> dict[str, Any]:
    """Reads and tokenises a corpus and samples the batches of one epoch; returns counts and seconds."""
    encoder, tokenizer = encoder_of("bf16")
    del encoder
    began = time.perf_counter()
    corpus = read_corpus(path, DataSettings(), plugins.load())
    tokens = TokenizedCorpus.of(corpus, tokenizer, cache_directory())
    data = ExtractionDataset(tokens=tokens, instances=corpus.instances(corpus.relations))
    run = pretraining_of(data, corpus, tokenizer, batch_size=batch_size)
    prepared = time.perf_counter()
    steps = -(-len(tokens) // batch_size)
    sampled = sum(len(w.group.packed.ids_T) for step in range(steps) for w in run.group_batches(step))
    return {
        "documents": len(tokens),
        "instances": len(data.instances),
        "prepare_seconds": prepared - began,
        "steps": steps,
        "tokens": sampled,
        "seconds": time.perf_counter() - prepared,
    }
