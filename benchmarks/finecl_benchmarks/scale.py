"""A synthetic corpus of any size: copies of Re-DocRED's documents, each with names of its own, as JSON lines.

Run in a process of its own it prepares the corpus as a run would and draws the batches of one epoch; the memory of
that process is what is measured, so nothing of the making of the file is in it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.artifacts.files import cache_directory
from finecl.config.schema import DataSettings
from finecl.data.formats import recognise
from finecl.extraction.examples import ExtractionDataset
from finecl.pipeline.corpora import read_corpus
from finecl.tokens.token_table import TokenizedCorpus
from finecl_benchmarks.materials import Engine, documents_file, encoder_of, pretraining_of


def write_copies(factor: int, path: Path) -> None:
    """Re-DocRED's 500 dev documents ``factor`` times over, about 35 labels a document, as canonical JSONL."""
    if path.exists():
        return
    registry = plugins.load()
    documents = list(recognise(documents_file(), registry).read(documents_file()))
    first = path.with_suffix(".one")
    registry.create("format", "jsonl", {}).write(documents, first)
    rows = [json.loads(line) for line in first.read_text(encoding="utf-8").splitlines()]
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        for copy in range(factor):
            for row in rows:
                row["title"] = f"{row['title'].split(' #')[0]} #{copy}"
                row["labels"] = row["labels"][:15]
                file.write(json.dumps(row) + "\n")
    unfinished.replace(path)


def engine(thousands: int) -> Engine:
    """Prepares so many thousand documents anew, in its only turn."""
    path = cache_directory() / "synthetic" / f"{thousands}k.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    # In a process of its own: the peak of this one is to be that of preparing and drawing.
    code = f"import pathlib, finecl_benchmarks.scale as s; s.write_copies({2 * thousands}, pathlib.Path({str(path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    return lambda number: prepare_and_draw(path)


def prepare_and_draw(path: Path, batch_size: int = 768) -> dict[str, Any]:
    """Reads, tokenises and draws one epoch's steps; the seconds of each."""
    encoder, tokenizer = encoder_of("bf16")
    del encoder
    began = time.perf_counter()
    corpus = read_corpus(path, DataSettings(), plugins.load())
    tokens = TokenizedCorpus.of(corpus, tokenizer, cache_directory())
    data = ExtractionDataset(tokens=tokens, instances=corpus.instances(corpus.relations))
    run = pretraining_of(data, corpus, tokenizer, batch_size=batch_size)
    prepared = time.perf_counter()
    steps = -(-len(tokens) // batch_size)
    drawn = sum(len(w.group.packed.ids_T) for step in range(steps) for w in run.group_batches(step))
    return {
        "documents": len(tokens),
        "instances": len(data.instances),
        "prepare_seconds": prepared - began,
        "steps": steps,
        "tokens": drawn,
        "seconds": time.perf_counter() - prepared,
    }
