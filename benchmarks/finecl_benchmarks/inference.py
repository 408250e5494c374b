"""Measures documents per second from text to triples, against the bare encoder on the same length-sorted batches.

    python -m finecl_benchmarks.inference --keep

The documents are Re-DocRED's dev and test sets (below FINECL_DATA). The extractor has an untrained bilinear head, whose
threshold is set so that it predicts about as many triples as there are gold labels. The measured time of
``RelationExtractor`` includes tokenising, packing, encoding, scoring all pairs and building triples; the bare encoder
gets prepared batches. Both alternate on chunks of the documents, so that they run under the same machine load; the
ratio is taken over all chunks of a round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finecl import registry as plugins
from finecl.artifacts.files import write_json
from finecl.artifacts.provenance import environment
from finecl.config.schema import ModelSettings
from finecl.data.formats import DocumentFile
from finecl.inference.relation_extractor import RelationExtractor
from finecl.models.extractor import ENCODER, build_extractor, save_extractor
from finecl.models.pretrained import load_encoder
from finecl.numerics.partition import pack_to_budget
from finecl.tokens.packing import pack
from finecl.tokens.windows import document_rows, every_pair, token_rows
from finecl.types import Batch, Document
from finecl_benchmarks.record import RESULTS

GOAL = 0.7  # share of the bare encoder's rate
_CHUNK, _SEED = 250, 42


def main() -> None:
    """Parses the command line, measures, prints the record and with ``--keep`` writes it."""
    parser = argparse.ArgumentParser(description="Throughput of RelationExtractor against the bare encoder.")
    parser.add_argument("--documents", type=int, default=1000, help="number of documents")
    parser.add_argument("--rounds", type=int, default=3, help="number of measured rounds")
    parser.add_argument("--model", default="minilm", help="encoder: a name or a directory")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="number of CPU threads")
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/inference.json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    documents = list(islice(chain.from_iterable(map(read, files())), arguments.documents))
    with tempfile.TemporaryDirectory() as directory:
        record = measure(documents, Path(directory), model=arguments.model, rounds=arguments.rounds)
    record["settings"] |= {"threads": arguments.threads}
    if arguments.keep:
        write_json(RESULTS / "inference.json", record)
    json.dump(record, sys.stdout, indent=1)
    print()


def files() -> list[Path]:
    """Returns the paths of Re-DocRED's dev and test documents."""
    at = Path(os.environ.get("FINECL_DATA", "../shared/data")) / "redocred"
    return [at / "dev_revised.json", at / "test_revised.json"]


def read(path: Path) -> DocumentFile:
    """Opens a file of documents."""
    return DocumentFile.open(path, plugins.load())


@dataclass(frozen=True)
class ChunkTiming:
    """Seconds of the extractor (``whole``) and of the bare encoder on one chunk, and the number of triples."""

    whole: float
    bare: float
    triples: int


def measure(documents: Sequence[Document], directory: Path, *, model: str, rounds: int) -> dict[str, Any]:
    """Measures ``rounds`` rounds and returns the record; ``directory`` is where the extractor is saved."""
    extractor = untrained(documents, directory / "extractor", model)
    encoder, _, _ = load_encoder(ModelSettings(name=str(directory / "extractor" / ENCODER)))
    encoder.eval()
    chunks = [documents[at : at + _CHUNK] for at in range(0, len(documents), _CHUNK)]
    batches = [bare_batches(extractor, encoder, chunk) for chunk in chunks]
    _time_chunk(extractor, encoder, chunks[0][:16], batches[0][:1], whole_first=True)  # warms up kernels and memory
    timings = [
        [
            _time_chunk(extractor, encoder, chunk, chunk_batches, whole_first=(number + turn) % 2 == 0)
            for number, (chunk, chunk_batches) in enumerate(zip(chunks, batches, strict=True))
        ]
        for turn in range(rounds)
    ]
    seconds = {
        name: [sum(getattr(t, name) for t in chunk_timings) for chunk_timings in timings] for name in ("whole", "bare")
    }
    tokens = sum(sum(batch.lengths) for chunk_batches in batches for batch in chunk_batches)
    ratios = [bare / whole for whole, bare in zip(seconds["whole"], seconds["bare"], strict=True)]
    return {
        "benchmark": "inference",
        "settings": {"documents": len(documents), "rounds": rounds, "model": model, "piece": _CHUNK},
        "precision": "bf16" if encoder.precision.bf16 else "float32",
        "device": encoder.precision.device,
        "tokens": tokens,
        "pairs": sum(len(every_pair(document)) for document in documents),
        "triples": sum(timing.triples for timing in timings[0]),
        "seconds": seconds,
        "documents_per_second": len(documents) / statistics.median(seconds["whole"]),
        "tokens_per_second": {name: tokens / statistics.median(each) for name, each in seconds.items()},
        "share_of_bare_encoder": statistics.median(ratios),
        "goal": GOAL,
        **environment(),
    }


def untrained(documents: Sequence[Document], directory: Path, model: str) -> RelationExtractor:
    """Creates an extractor with a random head and a threshold that yields about as many triples as gold labels."""
    relations = sorted({label.relation for document in documents for label in document.labels})
    encoder, tokenizer, _ = load_encoder(ModelSettings(name=model))
    torch.manual_seed(_SEED)
    extractor = build_extractor(plugins.load(), "bilinear", {}, encoder, len(relations) + 1)
    card: dict[str, Any] = {
        "extractor": "bilinear", "settings": {}, "relations": relations, "max_length": tokenizer.max_length,
        "fingerprint": "untrained", "threshold": 0.0,
    }  # fmt: skip
    save_extractor(extractor, tokenizer, card, directory)
    sample = documents[:: max(1, len(documents) // 20)]
    scores = [t.score for triples in RelationExtractor.from_pretrained(directory)(sample) for t in triples]
    labels = sum(len(document.labels) for document in sample)
    save_extractor(extractor, tokenizer, card | {"threshold": float(np.sort(scores)[-max(1, labels)])}, directory)
    return RelationExtractor.from_pretrained(directory)


def bare_batches(extractor: RelationExtractor, encoder: Any, documents: Sequence[Document]) -> list[Batch]:
    """Returns the extractor's batches of these documents, prepared for the encoder."""
    rows = list(document_rows(documents, [every_pair(document) for document in documents], extractor.tokenizer))
    lengths = np.array([len(row.ids) for row in rows], dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    none = np.zeros(0, dtype=np.int64)
    return [
        pack(token_rows([rows[number] for number in order[run].tolist()]))
        .batch(none, none, first_position=encoder.first_position)
        .to(encoder.precision.device)
        for run in pack_to_budget(lengths[order], extractor.backend.max_tokens)
    ]


def _time_chunk(
    extractor: RelationExtractor,
    encoder: Any,
    documents: Sequence[Document],
    batches: Sequence[Batch],
    *,
    whole_first: bool,
) -> ChunkTiming:
    """Times both on one chunk, the extractor first if ``whole_first``."""
    seconds: dict[bool, float] = {}
    triples = 0
    for whole in (whole_first, not whole_first):
        began = time.perf_counter()
        if whole:
            triples = sum(map(len, extractor.stream(documents, chunk=_CHUNK)))
        else:
            _encode(encoder, batches)
        seconds[whole] = time.perf_counter() - began
    return ChunkTiming(whole=seconds[True], bare=seconds[False], triples=triples)


@torch.inference_mode()
def _encode(encoder: Any, batches: Sequence[Batch]) -> None:
    for batch in batches:
        states = encoder(batch)
    if states.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
