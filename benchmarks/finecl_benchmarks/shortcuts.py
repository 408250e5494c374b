"""Shortcuts of the proxy: random or type-matched no-relation pairs; mentions shown by text, by type or blanked.

Uses the built-in corpus, whose wrong labels have plausible types but are not stated by the sentence.
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


def compare(seed: int, log: Callable[[str], None], listener: Listener | None = None) -> dict[str, Any]:
    """Returns the AUROC of each scorer that uses training dynamics, for each variant of the proxy's input.

    ``log`` receives one line per variant.
    """
    variants = []
    for negatives, mentions in VARIANTS:
        setting = demo(seed)
        overrides = {**setting.overrides, "proxy.no_relation": negatives, "proxy.mentions": mentions}
        record = measure(replace(setting, overrides=overrides, evidence=("dynamics",)), listener)
        auroc = {name: scores["auroc"] for name, scores in record["scorers"].items()}
        variants.append({"no_relation": negatives, "mentions": mentions, "auroc": auroc})
        log(
            f"{negatives} no-relation pairs, mentions by {mentions}: learning-order AUROC {auroc['learning-order']:.3f}"
        )
    return {"benchmark": "shortcuts", "data": "demo", "seed": seed, "variants": variants, **environment()}
