"""The metadata of model cards, which the Hugging Face hub reads: base model, data sets, language, metrics, results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finecl.models.pretrained import MINILM_HUB

_METRICS = {"f1": "f1", "precision": "precision", "recall": "recall", "ign_f1": "ign_f1", "macro_f1": "macro_f1"}
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")
_ENDING = re.compile(r"\.(jsonl?|csv|tsv|txt|parquet|spacy)$")


def front_matter(
    record: Mapping[str, Any], metrics: Mapping[str, Any], kind: str, variant: str, license: str | None
) -> str:
    """Returns the YAML between the lines of dashes at the top of a card; what the run does not say is left out.

    Args:
        record: contents of ``run.json``.
        metrics: contents of ``metrics.json``.
        kind: "encoder" or "extractor"; only an extractor has metrics and results.
        variant: the extractor of the run.
        license: licence of the weights, by its name on the hub.
    """
    from huggingface_hub import ModelCardData

    settings = record.get("settings") or {}
    results = _results(settings, (metrics.get("evaluate") or {}).get(variant) or {}) if kind == "extractor" else []
    data = ModelCardData(
        base_model=_base_model(settings),
        datasets=_datasets(settings) or None,
        language="en" if _data_name(settings) == "finecl's built-in corpus" else None,
        library_name="transformers" if kind == "encoder" else "finecl",
        license=license,
        metrics=sorted({result.metric_type for result in results}) or None,
        model_name=str(record.get("name") or "finecl") if results else None,
        tags=["relation-extraction", "finecl"],
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def _base_model(settings: Mapping[str, Any]) -> str | None:
    """Returns the encoder's name on the hub; None for a local directory."""
    name = str((settings.get("model") or {}).get("name") or "")
    if name == "minilm":
        return MINILM_HUB
    return name if _on_hub(name) else None


def _datasets(settings: Mapping[str, Any]) -> list[str]:
    """Returns the data sets of the run that are on the hub."""
    data = settings.get("data") or {}
    names = [str(data.get(key) or "") for key in ("name", "silver", "gold", "train", "dev", "test")]
    return list(dict.fromkeys(name.partition(":")[0] for name in names if _on_hub(name)))


def _on_hub(name: str) -> bool:
    return bool(_HUB_NAME.fullmatch(name)) and not _ENDING.search(name) and not Path(name).exists()


def _data_name(settings: Mapping[str, Any]) -> str:
    data = settings.get("data") or {}
    tested = data.get("test") or data.get("gold")
    if tested:
        return Path(str(tested)).stem
    files = any(data.get(key) for key in ("silver", "train", "dev"))
    return "finecl's built-in corpus" if data.get("name") == "demo" and not files else str(data.get("name") or "")


def _results(settings: Mapping[str, Any], scores: Mapping[str, Any]) -> list[Any]:
    from huggingface_hub import EvalResult

    name = _data_name(settings) or "the run's test documents"
    return [
        EvalResult(
            task_type="relation-extraction",
            task_name="Relation extraction",
            dataset_type=re.sub(r"[^\w/.-]+", "-", name.lower()),
            dataset_name=name,
            dataset_split="test",
            metric_type=metric,
            metric_value=round(100 * float(scores[key]), 2),
        )
        for key, metric in _METRICS.items()
        if scores.get(key) is not None
    ]
