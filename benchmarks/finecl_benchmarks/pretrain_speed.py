"""Real tokens a second and peak memory of pre-training on Re-DocRED documents.

    python -m finecl_benchmarks.pretrain_speed --precision float32

The encoder is MiniLM, a step is 16 documents and 16 queried ones (the published code's micro-step), weights are
uniform. Only real tokens count; there is no padding. The first steps warm up and are not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

RESULTS = Path(__file__).resolve().parents[1] / "results"


def main() -> None:
    """Measures, prints the record and writes it."""
    parser = argparse.ArgumentParser(description="Speed and memory of pre-training on Re-DocRED documents.")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--warm-up", type=int, default=4)
    data = os.environ.get("FINECL_DATA", "../shared/data")
    parser.add_argument("--file", type=Path, default=Path(data) / "redocred" / "dev_revised.json")
    given = parser.parse_args()
    record = measure(given.file, given.precision, given.steps, given.warm_up)
    from finecl.records import write_json

    write_json(RESULTS / f"pretrain-speed-{given.precision}.json", record)
    json.dump(record, sys.stdout, indent=1)
    print()


def measure(file: Path, precision: Literal["float32", "bf16"], steps: int, warm_up: int) -> dict[str, Any]:
    """The record of one measurement."""
    from finecl import pretrain as loop
    from finecl.checkpoints import load_encoder
    from finecl.config import ModelSettings
    from finecl.gradcache import PretrainingModel
    from finecl.optimization import Optimization
    from finecl.parallel import Parallel
    from finecl.ranks import Ranks
    from finecl.records import environment

    encoder, reader, _ = load_encoder(ModelSettings(precision=precision))
    run = _pretraining(file, reader)
    model = Parallel(PretrainingModel(encoder), Ranks())
    optimization = Optimization(encoder, run.settings, warm_up + steps)
    encoder.train()
    seconds, tokens, collate = [], [], []
    for step in range(warm_up + steps):
        began = time.perf_counter()
        work = list(run.work(step))
        collated = time.perf_counter()
        loop.train_step(model, run, work, step)
        optimization.step(step)
        seconds.append(time.perf_counter() - began)
        collate.append(collated - began)
        tokens.append(sum(len(w.group.packed.ids_T) for w in work))
    rates = [n / s for n, s in zip(tokens[warm_up:], seconds[warm_up:], strict=True)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "benchmark": "pretrain-speed",
        "settings": {"model": "minilm", "precision": precision, "documents_a_step": "16 + 16 queried", "steps": steps},
        "real_tokens_per_second": {"median": statistics.median(rates), "min": min(rates), "max": max(rates)},
        "collate_share": sum(collate[warm_up:]) / sum(seconds[warm_up:]),
        "peak_memory_gb": peak / 1e9,
        **environment(),
    }


def _pretraining(file: Path, reader: Any) -> Any:
    from finecl import registry as plugins
    from finecl.config import DataSettings, PretrainSettings
    from finecl.extraction import Labelled
    from finecl.groups import Silver
    from finecl.inputs import cache_directory, read_corpus
    from finecl.plan import MLM, Pretraining
    from finecl.text import Tokens, reached

    registry = plugins.load()
    corpus = read_corpus(file, DataSettings(), registry)
    data = Labelled(tokens=Tokens.of(corpus, reader, cache_directory()), instances=corpus.instances(corpus.relations))
    names = ("entity-discrimination", "relation-discrimination")
    silver = Silver(
        tokens=data.tokens,
        instances=data.instances,
        weight=np.ones(len(data.instances), dtype=np.float32),
        unscored=1.0,
        relation_tokens=[reader.encode(corpus.names[relation]) for relation in corpus.relations],
        askable=reached(data.instances, data.tokens),
    )
    return Pretraining(
        silver=silver,
        reader=reader,
        settings=PretrainSettings(batch_size=16, contrast_group=16, max_steps=100),
        objectives={name: registry.create("objective", name, {}) for name in names},
        coefficients=dict.fromkeys((*names, MLM), 1.0),
        seed=0,
    )


if __name__ == "__main__":
    main()
