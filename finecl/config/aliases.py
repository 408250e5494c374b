"""Settings by the names that transformers' ``TrainingArguments`` has for them, where finecl has other names.

``per_device_train_batch_size`` and ``gradient_accumulation_steps`` of a training section become its ``batch_size``,
which counts the documents of a step on all ranks together; ``bf16`` becomes ``model.precision``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from finecl.config.coerce import coerce
from finecl.errors import SettingsError

_SECTIONS = ("proxy", "pretrain", "finetune")
_FACTORS = ("per_device_train_batch_size", "gradient_accumulation_steps")


def translate_aliases(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings with finecl's names.

    Raises:
        SettingsError: a value is not a number, or a setting is given under both names.
    """
    translated = dict(settings)
    for section in _SECTIONS:
        if isinstance(translated.get(section), Mapping):
            translated[section] = _batch_size(section, dict(translated[section]))
    if "bf16" in translated:
        precision = "bf16" if coerce(translated.pop("bf16"), bool, "bf16") else "float32"
        model = translated.get("model", {})
        if not isinstance(model, Mapping) or "precision" in model:
            raise SettingsError("bf16: expected bf16 or model.precision, got both; leave one out")
        translated["model"] = {**model, "precision": precision}
    return translated


def _batch_size(section: str, values: dict[str, Any]) -> dict[str, Any]:
    named = [name for name in _FACTORS if name in values]
    if not named:
        return values
    if "batch_size" in values:
        raise SettingsError(f"{section}.batch_size: expected it or {named[0]}, got both; leave one out")
    if _FACTORS[0] not in values:
        raise SettingsError(f"{section}.{_FACTORS[1]}: expected {_FACTORS[0]} beside it, or batch_size alone")
    size = int(os.environ.get("WORLD_SIZE", "1"))
    for name in named:
        factor = coerce(values.pop(name), int, f"{section}.{name}")
        if factor < 1:
            raise SettingsError(f"{section}.{name}: expected at least 1, got {factor}")
        size *= factor
    return {**values, "batch_size": size}
