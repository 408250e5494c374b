"""Which numbers a setting may be: what lies outside would divide by zero, or train nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from finecl.errors import SettingsError

_TRAIN = {
    "learning_rate": 0,
    "weight_decay": 0,
    "adam_epsilon": 1e-16,
    "max_grad_norm": 1e-16,
    "warmup_steps": 0,
    "batch_size": 1,
    "max_tokens": 1,
}
_EXTRACT = {**_TRAIN, "head_learning_rate": 0, "num_train_epochs": 1, "negatives": 0}
_LEAST: Mapping[str, float | Mapping[str, float]] = {
    "seed": 0,
    "model": {"max_length": 3, "attention_dropout": 0, "hidden_dropout": 0},  # two special tokens and a word
    "proxy": {**_EXTRACT, "folds": 2, "fold_epochs": 1},
    "pretrain": {
        **_TRAIN,
        "max_steps": 1,
        "contrast_group": 2,
        "mlm_probability": 0,
        "mlm_coefficient": 0,
        "no_relation_pairs": 0,
        "blanking": 0,
        "false_negative_threshold": 0.5,
        "sentences_a_pair": 2,
    },
    "finetune": {**_EXTRACT, "eval_epochs": 1},
    "save": {"save_steps": 1, "save_total_limit": 1},
}
_MOST: Mapping[str, float] = {
    "model.attention_dropout": 1,
    "model.hidden_dropout": 1,
    "pretrain.mlm_probability": 1,
    "pretrain.blanking": 1,
    "pretrain.false_negative_threshold": 1,
}


def check_limits(settings: Any, least: Mapping[str, Any] = _LEAST, prefix: str = "") -> None:
    """Passes settings whose numbers are finite and within their limits; None and words pass.

    Raises:
        SettingsError: names the setting, its limits and what came.
    """
    for key, bound in least.items():
        value, place = getattr(settings, key), f"{prefix}{key}"
        if isinstance(bound, Mapping):
            check_limits(value, bound, f"{place}.")
            continue
        most = _MOST.get(place, math.inf)
        if not isinstance(value, str | None) and not (bound <= value <= most and math.isfinite(value)):
            limits = f"at least {bound:g}" if most == math.inf else f"a number from {bound:g} to {most:g}"
            raise SettingsError(f"{place}: expected {limits}, got {value}")
