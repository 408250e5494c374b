"""Measures the speed of the engine as ratios within one run: ``finecl benchmark speed``.

Engines alternate on the same documents (see ``engines`` and ``interleaved``); rates count real tokens, not padding.
``ceiling`` is the rate of bare matrix products of the encoder's shapes, measured in the same run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finecl.artifacts.files import write_json
from finecl.artifacts.provenance import environment
from finecl_benchmarks.interleaved import run_interleaved

RESULTS = Path(__file__).resolve().parents[1] / "results"
_PRECISIONS = ("float32", "bf16")
# Engines of one group alternate. More would not fit into memory at the same time (the naive engine takes half of it).
GROUPS = (
    ("naive float32", *(f"packed {p}" for p in _PRECISIONS)),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("packed", "padded")),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("direct", "cached")),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("bare", "proxy", "finetune")),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("bare inference", "inference")),
)
SENTENCE_TRANSFORMERS = "sentence-transformers bf16"
BATCHES = (16, 64, 256, 768)
Log = Callable[[str], None]
Rounds = Mapping[str, Sequence[Mapping[str, Any]]]


def measure(rounds: int, warm_up: int, log: Log) -> dict[str, Any]:
    """Runs the core comparison, in which the engines of each group alternate; returns the record."""
    groups = [*GROUPS, *([("contrastive bf16", SENTENCE_TRANSFORMERS)] if _has_sentence_transformers() else [])]
    measured = [run_interleaved(names, rounds, warm_up, log) for names in groups]
    steps_by_engine: dict[str, list[dict[str, Any]]] = {}
    for name, steps in (item for group in measured for item in group.items()):
        steps_by_engine.setdefault(name, []).extend(steps)
    rates = {name: _rate(steps) for name, steps in steps_by_engine.items()}
    peaks = {name: max(step["peak_bytes"] for step in steps) / 1e9 for name, steps in steps_by_engine.items()}
    record: dict[str, Any] = {
        "benchmark": "speed",
        "settings": {"model": "minilm", "documents_a_step": "16 + 16 queried", "rounds": rounds, "warm_up": warm_up},
        "tokens_per_second": {name: _spread(steps) for name, steps in steps_by_engine.items()},
        "peak_memory_gb": peaks,
    }
    record |= _ratios(measured, peaks)
    record["utilisation"] = _utilisation(rates)
    return record | environment()


def _ratios(measured: Sequence[Rounds], peak: Mapping[str, float]) -> dict[str, Any]:
    def over(one: str, other: str) -> float:
        """Returns the speed-up of one engine over another: the median over the rounds that they share."""
        group = next(group for group in measured if one in group and other in group)
        pairs = zip(group[one], group[other], strict=True)
        return statistics.median(_speed(a) / _speed(b) for a, b in pairs)

    ratios: dict[str, Any] = {}
    for p in _PRECISIONS:
        ratios[p] = {
            "packed_over_naive": over(f"packed {p}", "naive float32"),
            "packed_over_padded": over(f"packed {p}", f"padded {p}"),
            "cached_cost": over(f"direct {p}", f"cached {p}") - 1,
            "proxy_over_bare": over(f"proxy {p}", f"bare {p}"),
            "finetune_over_bare": over(f"finetune {p}", f"bare {p}"),
            "inference_over_bare": over(f"inference {p}", f"bare inference {p}"),
        }
    packed = [step for group in measured for p in _PRECISIONS for step in group.get(f"packed {p}", [])]
    ratios["collate_share"] = sum(s["collate_seconds"] for s in packed) / sum(s["seconds"] for s in packed)
    ratios["memory_over_naive"] = peak["packed float32"] / peak["naive float32"]
    if any(SENTENCE_TRANSFORMERS in group for group in measured):
        ratios["contrastive_over_sentence_transformers"] = over("contrastive bf16", SENTENCE_TRANSFORMERS)
    return ratios


def batches(log: Log, sizes: Sequence[int] = BATCHES) -> dict[str, Any]:
    """Measures speed and memory of increasing contrast group sizes, each in its own process."""
    measured = {}
    for size in sizes:
        (step,) = run_interleaved([f"global {size}"], 1, 1 if size < 256 else 0, log)[f"global {size}"]
        measured[str(size)] = {
            "tokens_per_second": _speed(step),
            "seconds_a_step": step["seconds"],
            "collate_seconds": step["collate_seconds"],
            "peak_memory_gb": step["peak_bytes"] / 1e9,
        }
    return {"benchmark": "speed-batches", "settings": {"model": "minilm", "precision": "bf16"}, "batches": measured} | (
        environment()
    )


def corpus(log: Log, thousands: Sequence[int] = (1, 10, 100)) -> dict[str, Any]:
    """Measures the time and memory to prepare corpora of increasing size and to sample one epoch of each."""
    measured = {}
    for factor in thousands:
        (step,) = run_interleaved([f"corpus {factor}"], 1, 0, log)[f"corpus {factor}"]
        measured[str(factor)] = {
            "documents": step["documents"],
            "instances": step["instances"],
            "prepare_seconds": step["prepare_seconds"],
            "seconds": step["seconds"],
            "milliseconds_a_step": 1000 * step["seconds"] / step["steps"],
            "peak_memory_gb": step["peak_bytes"] / 1e9,
        }
        log(f"corpus {factor}: {measured[str(factor)]}")
    return {
        "benchmark": "speed-corpus",
        "settings": {"model": "minilm"},
        "thousand_documents": measured,
    } | environment()


def ranks(log: Log, steps: int = 4) -> dict[str, Any]:
    """Compares one process with all threads to two processes with half of them each, measured alternately."""
    rates: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(2):
        for size in rates:
            rate = _distributed_rate(int(size), steps)
            log(f"{size} processes: {rate:,.0f} tokens/s")
            rates[size].append(rate)
    ratio = statistics.median(b / a for a, b in zip(rates["1"], rates["2"], strict=True))
    settings = {"model": "minilm", "precision": "bf16", "documents_a_step": "32 + 32 queried", "steps": steps}
    return {"benchmark": "speed-ranks", "settings": settings, "tokens_per_second": rates, "two_over_one": ratio} | (
        environment()
    )


def _distributed_rate(size: int, steps: int) -> float:
    threads = max(1, (os.cpu_count() or 1) // size)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={size}"]
    done = subprocess.run(
        [*command, "-m", "finecl_benchmarks.distributed_throughput", str(steps)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.strip().splitlines()[-1])["tokens_per_second"])


def format_ratios(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Formats the numbers of each record, one per line."""
    lines = []
    for name, record in records.items():
        numbers = {
            k: v for k, v in record.items() if k not in ("versions", "machine", "commit", "benchmark", "settings")
        }
        lines += [f"{name} {key}: {value}" for key, value in _flatten(numbers)]
    return lines


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    items = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            items += _flatten(value, f"{prefix}{key}.")
        else:
            items.append((f"{prefix}{key}", f"{value:.4g}" if isinstance(value, float) else str(value)))
    return items


def save_record(name: str, record: Mapping[str, Any]) -> Path:
    """Writes a record to ``benchmarks/results/NAME.json``; returns the path."""
    path = RESULTS / f"{name}.json"
    write_json(path, record)
    return path


def _utilisation(rates: Mapping[str, float]) -> dict[str, Any]:
    """Returns the useful operations per second as a share of the rate of bare matrix products of the same shapes."""
    flops = _flops_per_token()
    utilisation: dict[str, Any] = {"flops_a_token": flops}
    for precision in ("float32", "bf16"):
        ceiling = _ceiling(precision)
        utilisation[precision] = {
            "ceiling_gflops": ceiling / 1e9,
            "share_of_ceiling": rates[f"packed {precision}"] * flops / ceiling,
        }
    return utilisation


def _flops_per_token(masked: float = 0.105, length: float = 231.0) -> float:
    """Returns the operations per real token of a MiniLM pre-training step: layers, attention and MLM head."""
    layers, width, inner, vocabulary = 6, 384, 1536, 30522
    matrices = layers * (4 * width**2 + 2 * width * inner)
    return 6 * matrices + 12 * layers * length * width + 6 * masked * (width**2 + width * vocabulary)


def _ceiling(precision: str, tokens: int = 4096) -> float:
    """Returns the operations per second of the layer's matrix products."""
    import torch

    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    shapes = ((384, 384), (384, 1536), (1536, 384))
    operands = [(torch.randn(tokens, a, dtype=kind), torch.randn(a, b, dtype=kind)) for a, b in shapes]
    operations = sum(2 * tokens * a * b for a, b in shapes)
    best = 0.0
    for _ in range(30):
        began = time.perf_counter()
        for x, w in operands:
            torch.mm(x, w)
        best = max(best, operations / (time.perf_counter() - began))
    return best


def _speed(step: Mapping[str, Any]) -> float:
    return float(step["tokens"]) / float(step["seconds"])


def _rate(steps: Sequence[Mapping[str, Any]]) -> float:
    return statistics.median(map(_speed, steps))


def _spread(steps: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    rates = [_speed(step) for step in steps]
    return {"median": statistics.median(rates), "min": min(rates), "max": max(rates)}


def _has_sentence_transformers() -> bool:
    import importlib.util

    return importlib.util.find_spec("sentence_transformers") is not None
