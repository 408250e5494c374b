"""What a proxy reads: no-relation pairs drawn at random or of matching types, mentions by name, by type or not at all.

On the built-in corpus, whose wrong labels have the right types and a sentence that does not say them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from finecl.artifacts.provenance import environment
from finecl.progress import Listener
from finecl_benchmarks.noise import demo, measure

VARIANTS = (
    ("random", "text"),
    ("type-matched", "text"),
    ("random", "type"),
    ("type-matched", "type"),
    ("type-matched", "blank"),
)


def compare(seed: int, tell: Callable[[str], None], listener: Listener | None = None) -> dict[str, Any]:
    """The AUROC of each scorer that reads the dynamics, for each way of showing the proxy its text."""
    found = []
    for negatives, mentions in VARIANTS:
        plain = demo(seed)
        overrides = {**plain.overrides, "proxy.no_relation": negatives, "proxy.mentions": mentions}
        record = measure(replace(plain, overrides=overrides, needs=("dynamics",)), listener)
        auroc = {name: scores["auroc"] for name, scores in record["scorers"].items()}
        found.append({"no_relation": negatives, "mentions": mentions, "auroc": auroc})
        tell(f"{negatives} pairs, mentions by {mentions}: learning order {auroc['learning-order']:.3f}")
    return {"benchmark": "shortcuts", "data": "demo", "seed": seed, "variants": found, **environment()}
