"""The speed of the engine, as ratios within one run: ``finecl benchmark speed``.

Engines take turns on the same documents (see ``engines`` and ``turns``); rates count real tokens, never padding.
``ceiling`` is what the machine reaches on bare matrix products of the encoder's own shapes, in the same run.
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
from finecl_benchmarks.turns import play

RESULTS = Path(__file__).resolve().parents[1] / "results"
_PRECISIONS = ("float32", "bf16")
# Those of a group take turns; more would not fit into memory beside each other (the naive engine takes half of it).
GROUPS = (
    ("naive float32", *(f"packed {p}" for p in _PRECISIONS)),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("packed", "padded")),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("direct", "cached")),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("bare", "proxy", "finetune")),
    tuple(f"{name} {p}" for p in _PRECISIONS for name in ("bare inference", "inference")),
)
SENTENCE_TRANSFORMERS = "sentence-transformers bf16"
BATCHES = (16, 64, 256, 768)
Tell = Callable[[str], None]
Rounds = Mapping[str, Sequence[Mapping[str, Any]]]


def measure(rounds: int, warm_up: int, tell: Tell) -> dict[str, Any]:
    """The core comparison: one run in which the engines of each group take turns."""
    groups = [*GROUPS, *([("contrastive bf16", SENTENCE_TRANSFORMERS)] if _has_sentence_transformers() else [])]
    played = [play(names, rounds, warm_up, tell) for names in groups]
    found: dict[str, list[dict[str, Any]]] = {}
    for name, turns in (item for group in played for item in group.items()):
        found.setdefault(name, []).extend(turns)
    rates = {name: _rate(turns) for name, turns in found.items()}
    record: dict[str, Any] = {
        "benchmark": "speed",
        "settings": {"model": "minilm", "documents_a_step": "16 + 16 queried", "rounds": rounds, "warm_up": warm_up},
        "tokens_per_second": {name: _spread(turns) for name, turns in found.items()},
        "peak_memory_gb": {name: max(turn["peak_bytes"] for turn in turns) / 1e9 for name, turns in found.items()},
    }
    record |= _ratios(played, record["peak_memory_gb"])
    record["utilisation"] = _utilisation(rates)
    return record | environment()


def _ratios(played: Sequence[Rounds], peak: Mapping[str, float]) -> dict[str, Any]:
    def over(one: str, other: str) -> float:
        """How many times as fast, the median over rounds of what was measured side by side."""
        found = next(group for group in played if one in group and other in group)
        pairs = zip(found[one], found[other], strict=True)
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
    packed = [turn for group in played for p in _PRECISIONS for turn in group.get(f"packed {p}", [])]
    ratios["collate_share"] = sum(t["collate_seconds"] for t in packed) / sum(t["seconds"] for t in packed)
    ratios["memory_over_naive"] = peak["packed float32"] / peak["naive float32"]
    if any(SENTENCE_TRANSFORMERS in group for group in played):
        ratios["contrastive_over_sentence_transformers"] = over("contrastive bf16", SENTENCE_TRANSFORMERS)
    return ratios


def batches(tell: Tell, sizes: Sequence[int] = BATCHES) -> dict[str, Any]:
    """Cost and memory of contrasting ever more documents at once, each in a process of its own."""
    found = {}
    for size in sizes:
        (turn,) = play([f"global {size}"], 1, 1 if size < 256 else 0, tell)[f"global {size}"]
        found[str(size)] = {
            "tokens_per_second": _speed(turn),
            "seconds_a_step": turn["seconds"],
            "collate_seconds": turn["collate_seconds"],
            "peak_memory_gb": turn["peak_bytes"] / 1e9,
        }
    return {"benchmark": "speed-batches", "settings": {"model": "minilm", "precision": "bf16"}, "batches": found} | (
        environment()
    )


def corpus(tell: Tell, thousands: Sequence[int] = (1, 10, 100)) -> dict[str, Any]:
    """Preparing a corpus of ever more documents and drawing one epoch's batches from it: seconds and memory."""
    found = {}
    for factor in thousands:
        (turn,) = play([f"corpus {factor}"], 1, 0, tell)[f"corpus {factor}"]
        found[str(factor)] = {
            "documents": turn["documents"],
            "instances": turn["instances"],
            "prepare_seconds": turn["prepare_seconds"],
            "seconds": turn["seconds"],
            "milliseconds_a_step": 1000 * turn["seconds"] / turn["steps"],
            "peak_memory_gb": turn["peak_bytes"] / 1e9,
        }
        tell(f"corpus {factor}: {found[str(factor)]}")
    return {"benchmark": "speed-corpus", "settings": {"model": "minilm"}, "thousand_documents": found} | environment()


def ranks(tell: Tell, steps: int = 4) -> dict[str, Any]:
    """One process with all threads against two with half of them each, taking turns."""
    found: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(2):
        for size in found:
            rate = _ranked(int(size), steps)
            tell(f"{size} ranks: {rate:,.0f} tokens/s")
            found[size].append(rate)
    ratio = statistics.median(b / a for a, b in zip(found["1"], found["2"], strict=True))
    settings = {"model": "minilm", "precision": "bf16", "documents_a_step": "32 + 32 queried", "steps": steps}
    return {"benchmark": "speed-ranks", "settings": settings, "tokens_per_second": found, "two_over_one": ratio} | (
        environment()
    )


def _ranked(size: int, steps: int) -> float:
    threads = max(1, (os.cpu_count() or 1) // size)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={size}"]
    done = subprocess.run(
        [*command, "-m", "finecl_benchmarks.ranked", str(steps)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.strip().splitlines()[-1])["tokens_per_second"])


def lines(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The ratios of each record, one a line, for people."""
    told = []
    for name, record in records.items():
        kept = {k: v for k, v in record.items() if k not in ("versions", "machine", "commit", "benchmark", "settings")}
        told += [f"{name} {key}: {value}" for key, value in _flat(kept)]
    return told


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", f"{value:.4g}" if isinstance(value, float) else str(value)))
    return found


def keep(name: str, record: Mapping[str, Any]) -> Path:
    """Writes a record to ``benchmarks/results``."""
    path = RESULTS / f"{name}.json"
    write_json(path, record)
    return path


def _utilisation(rates: Mapping[str, float]) -> dict[str, Any]:
    """Useful arithmetic a second over what bare products of the same shapes reach (performance of this machine)."""
    flops = _flops_a_token()
    found: dict[str, Any] = {"flops_a_token": flops}
    for precision in ("float32", "bf16"):
        ceiling = _ceiling(precision)
        found[precision] = {
            "ceiling_gflops": ceiling / 1e9,
            "share_of_ceiling": rates[f"packed {precision}"] * flops / ceiling,
        }
    return found


def _flops_a_token(masked: float = 0.105, length: float = 231.0) -> float:
    """Forward and backward of a MiniLM pre-training step per real token: layers, attention, masked head."""
    layers, width, inner, vocabulary = 6, 384, 1536, 30522
    matrices = layers * (4 * width**2 + 2 * width * inner)
    return 6 * matrices + 12 * layers * length * width + 6 * masked * (width**2 + width * vocabulary)


def _ceiling(precision: str, tokens: int = 4096) -> float:
    """Operations a second of the layer's own matrix products."""
    import torch

    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    shapes = ((384, 384), (384, 1536), (1536, 384))
    made = [(torch.randn(tokens, a, dtype=kind), torch.randn(a, b, dtype=kind)) for a, b in shapes]
    work = sum(2 * tokens * a * b for a, b in shapes)
    best = 0.0
    for _ in range(30):
        began = time.perf_counter()
        for x, w in made:
            torch.mm(x, w)
        best = max(best, work / (time.perf_counter() - began))
    return best


def _speed(turn: Mapping[str, Any]) -> float:
    return float(turn["tokens"]) / float(turn["seconds"])


def _rate(turns: Sequence[Mapping[str, Any]]) -> float:
    return statistics.median(map(_speed, turns))


def _spread(turns: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    rates = [_speed(turn) for turn in turns]
    return {"median": statistics.median(rates), "min": min(rates), "max": max(rates)}


def _has_sentence_transformers() -> bool:
    import importlib.util

    return importlib.util.find_spec("sentence_transformers") is not None
