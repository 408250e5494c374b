"""Documents a second from text to triples, against the bare encoder on the same rows, sorted by length alike.

    python -m finecl_benchmarks.inference --keep

The documents are Re-DocRED's dev and test ones (below FINECL_DATA), the extractor is a bilinear head that was never
trained: its threshold is such that about as many triples come out as there are gold labels. What is measured is what
``RelationExtractor`` does to documents in memory: tokenising, packing, encoding, scoring all pairs and making triples.
The bare encoder is given its batches ready-made. Both take turns, a piece of the documents each, so that they meet the
same machine; the ratio is that of all pieces of a round.
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
from finecl.inference.windows import document_rows, every_pair, token_rows
from finecl.models.extractor import ENCODER, build_extractor, save_extractor
from finecl.models.pretrained import load_encoder
from finecl.numerics.partition import pack_to_budget
from finecl.tokens.packing import pack
from finecl.types import Batch, Document
from finecl_benchmarks.record import RESULTS

GOAL = 0.7
_PIECE, _SEED = 250, 42


def main() -> None:
    """Measures, prints the record and with ``--keep`` writes it."""
    parser = argparse.ArgumentParser(description="Throughput of RelationExtractor against the bare encoder.")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/inference.json")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    documents = list(islice(chain.from_iterable(map(read, files())), given.documents))
    with tempfile.TemporaryDirectory() as directory:
        record = measure(documents, Path(directory), model=given.model, rounds=given.rounds)
    record["settings"] |= {"threads": given.threads}
    if given.keep:
        write_json(RESULTS / "inference.json", record)
    json.dump(record, sys.stdout, indent=1)
    print()


def files() -> list[Path]:
    """Re-DocRED's dev and test documents."""
    at = Path(os.environ.get("FINECL_DATA", "../shared/data")) / "redocred"
    return [at / "dev_revised.json", at / "test_revised.json"]


def read(path: Path) -> DocumentFile:
    """The documents of a file."""
    return DocumentFile.open(path, plugins.load())


@dataclass(frozen=True)
class Turn:
    """Seconds that a piece of the documents took, and what came of it."""

    whole: float
    bare: float
    triples: int


def measure(documents: Sequence[Document], directory: Path, *, model: str, rounds: int) -> dict[str, Any]:
    """The record of one measurement; ``directory`` is for the extractor."""
    extractor = untrained(documents, directory / "extractor", model)
    encoder, _, _ = load_encoder(ModelSettings(name=str(directory / "extractor" / ENCODER)))
    encoder.eval()
    pieces = [documents[at : at + _PIECE] for at in range(0, len(documents), _PIECE)]
    batches = [bare_batches(extractor, encoder, piece) for piece in pieces]
    _turn(extractor, encoder, pieces[0][:16], batches[0][:1], whole_first=True)  # kernels are chosen, memory is there
    played = [
        [
            _turn(extractor, encoder, piece, some, whole_first=(number + each) % 2 == 0)
            for number, (piece, some) in enumerate(zip(pieces, batches, strict=True))
        ]
        for each in range(rounds)
    ]
    seconds = {name: [sum(getattr(t, name) for t in turns) for turns in played] for name in ("whole", "bare")}
    tokens = sum(sum(batch.lengths) for some in batches for batch in some)
    ratios = [bare / whole for whole, bare in zip(seconds["whole"], seconds["bare"], strict=True)]
    return {
        "benchmark": "inference",
        "settings": {"documents": len(documents), "rounds": rounds, "model": model, "piece": _PIECE},
        "precision": "bf16" if encoder.precision.bf16 else "float32",
        "device": encoder.precision.device,
        "tokens": tokens,
        "pairs": sum(len(every_pair(document)) for document in documents),
        "triples": sum(turn.triples for turn in played[0]),
        "seconds": seconds,
        "documents_per_second": len(documents) / statistics.median(seconds["whole"]),
        "tokens_per_second": {name: tokens / statistics.median(each) for name, each in seconds.items()},
        "share_of_bare_encoder": statistics.median(ratios),
        "goal": GOAL,
        **environment(),
    }


def untrained(documents: Sequence[Document], directory: Path, model: str) -> RelationExtractor:
    """An extractor with a random head, by whose threshold about as many triples come out as there are labels."""
    relations = sorted({label.relation for document in documents for label in document.labels})
    encoder, tokenizer, _ = load_encoder(ModelSettings(name=model))
    torch.manual_seed(_SEED)
    made = build_extractor(plugins.load(), "bilinear", {}, encoder, len(relations) + 1)
    card: dict[str, Any] = {
        "extractor": "bilinear", "settings": {}, "relations": relations, "max_length": tokenizer.max_length,
        "fingerprint": "untrained", "threshold": 0.0,
    }  # fmt: skip
    save_extractor(made, tokenizer, card, directory)
    some = documents[:: max(1, len(documents) // 20)]
    scores = [t.score for triples in RelationExtractor.from_pretrained(directory)(some) for t in triples]
    labels = sum(len(document.labels) for document in some)
    save_extractor(made, tokenizer, card | {"threshold": float(np.sort(scores)[-max(1, labels)])}, directory)
    return RelationExtractor.from_pretrained(directory)


def bare_batches(extractor: RelationExtractor, encoder: Any, documents: Sequence[Document]) -> list[Batch]:
    """The same rows in the same passes as the extractor's, ready for the encoder."""
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


def _turn(
    extractor: RelationExtractor,
    encoder: Any,
    documents: Sequence[Document],
    batches: Sequence[Batch],
    *,
    whole_first: bool,
) -> Turn:
    """One piece by both, in either order."""
    seconds: dict[bool, float] = {}
    triples = 0
    for whole in (whole_first, not whole_first):
        began = time.perf_counter()
        if whole:
            triples = sum(map(len, extractor.stream(documents, chunk=_PIECE)))
        else:
            _encode(encoder, batches)
        seconds[whole] = time.perf_counter() - began
    return Turn(whole=seconds[True], bare=seconds[False], triples=triples)


@torch.inference_mode()
def _encode(encoder: Any, batches: Sequence[Batch]) -> None:
    for batch in batches:
        states = encoder(batch)
    if states.is_cuda:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
