"""Model cards of encoders and extractors, built from the records of the run that trained them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from finecl.artifacts.files import read_json, write_text
from finecl.models.card_metadata import front_matter
from finecl.registry import Registry

README = "README.md"
_PERCENT = {
    "f1": "F1", "ign_f1": "Ign F1", "precision": "precision", "recall": "recall", "auc": "AUC", "macro_f1": "macro F1",
    "ece": "calibration error", "ece_uncalibrated": "calibration error without temperature",
}  # fmt: skip


def write_cards(run: Path, registry: Registry) -> None:
    """Writes ``README.md`` into ``encoder/`` and each ``extractor/<variant>/`` of a run, if they exist."""
    record, metrics = read_json(run / "run.json"), read_json(run / "metrics.json")
    if (run / "encoder").is_dir():
        write_text(run / "encoder" / README, model_card(record, metrics, registry, kind="encoder"))
    for path in sorted(run.glob("extractor/*/extractor.json")):
        card = extractor_card(record, metrics, registry, read_json(path), variant=path.parent.name)
        write_text(path.parent / README, card)


def extractor_card(
    record: Mapping[str, Any],
    metrics: Mapping[str, Any],
    registry: Registry,
    extractor: Mapping[str, Any],
    *,
    variant: str,
    license: str | None = None,
) -> str:
    """Returns the card of a fine-tuned extractor; ``extractor`` holds its ``extractor.json``. See ``model_card``."""
    return model_card(
        record, metrics, registry, kind="extractor", extractor=extractor, variant=variant, license=license
    )


def model_card(
    record: Mapping[str, Any],
    metrics: Mapping[str, Any],
    registry: Registry,
    *,
    kind: Literal["encoder", "extractor"],
    extractor: Mapping[str, Any] | None = None,
    variant: str = "pretrained",
    license: str | None = None,
) -> str:
    """Returns a model card as Markdown with the hub's front matter.

    Args:
        record: contents of ``run.json``; missing entries are left out of the card.
        metrics: contents of ``metrics.json``.
        registry: provides objectives, methods and their citations.
        kind: what the directory holds.
        extractor: contents of ``extractor.json``.
        variant: the extractor of the run that the card describes.
        license: licence of the weights, by its name on the hub; without it the card says that none is stated.
    """
    parts = [
        front_matter(record, metrics, kind, variant, license),
        f"# {record.get('name', 'finecl')}: {_TITLES[kind]}",
        _use(kind),
        _table("Training", _training(record, metrics, registry, variant)),
        _table("Data", _data(record)),
        _table("Noise of the silver labels", _noise(metrics)),
        _table("Results on the test documents", _results(metrics.get("evaluate") or {}, variant)),
        _table("Extractor", _extractor(extractor or {})),
        _citations(record, registry),
        _table("Versions", [*(record.get("versions") or {}).items(), ("commit", record.get("commit"))]),
        _licence(license, record),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


_TITLES = {"encoder": "a relation encoder pre-trained by finecl", "extractor": "a relation extractor trained by finecl"}


def _use(kind: str) -> str:
    if kind == "encoder":
        return _python("from transformers import AutoModel", "", 'model = AutoModel.from_pretrained("THIS_DIRECTORY")')
    return _python(
        "from finecl import RelationExtractor",
        "",
        'extractor = RelationExtractor.from_pretrained("THIS_DIRECTORY")',
        'extractor("Marie Curie was born in Warsaw.", entities=[(0, 11), (24, 30)])',
    )


def _python(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```"])


def _table(title: str, rows: Sequence[tuple[str, Any]]) -> str:
    lines = [f"| {name} | {_text(value)} |" for name, value in rows if value not in (None, "", [], {})]
    return "\n".join([f"## {title}", "", "| | |", "|---|---|", *lines]) if lines else ""


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _training(
    record: Mapping[str, Any], metrics: Mapping[str, Any], registry: Registry, variant: str
) -> list[tuple[str, Any]]:
    settings, method = record.get("settings") or {}, record.get("method") or {}
    tuned = (metrics.get("finetune") or {}).get(variant) or {}
    return [
        ("base encoder", (settings.get("model") or {}).get("name")),
        ("method", method.get("name")),
        ("noise scorer", method.get("scorer")),
        ("weighting", method.get("weighting")),
        ("objectives", ", ".join(f"{c:g} * {name}" for c, name in _objectives(record, registry))),
        ("pre-training steps", (settings.get("pretrain") or {}).get("max_steps")),
        ("fine-tuning epoch, chosen on dev", tuned.get("epoch")),
        ("seed", record.get("seed")),
    ]


def _objectives(record: Mapping[str, Any], registry: Registry) -> list[tuple[float, str]]:
    """Returns coefficient and name of each objective, from the settings or else from the method."""
    settings = record.get("settings") or {}
    if settings.get("objectives"):
        parts = [str(text).rpartition("*") for text in settings["objectives"]]
        return [(float(coefficient) if coefficient else 1.0, name.strip()) for coefficient, _, name in parts]
    method = registry.parts("method").get(settings.get("method", ""))
    return list(method.factory.objectives) if method else []


def _data(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    settings = (record.get("settings") or {}).get("data") or {}
    sizes = [
        (split, f"{counts.get('documents', 0):,} documents, {counts.get('instances', 0):,} labels")
        for split, counts in (record.get("data") or {}).items()
    ]
    files = [(f"{key} file", settings.get(key)) for key in ("silver", "gold", "train", "dev", "test")]
    return [("source", settings.get("name")), *files, *sizes, ("relations", len(record.get("relations") or []) or None)]


def _noise(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    score = metrics.get("score") or {}
    scalars = {key: value for key, value in score.items() if isinstance(value, int | float | str) and key != "seconds"}
    return [(key.replace("_", " "), value) for key, value in scalars.items()]


def _results(evaluate: Mapping[str, Any], variant: str) -> list[tuple[str, Any]]:
    results = evaluate.get(variant) or {}
    return [
        (f"{title}, percent", f"{100 * results[key]:.2f}")
        for key, title in _PERCENT.items()
        if results.get(key) is not None
    ]


def _extractor(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    calibration = config.get("calibration") or {}
    return [
        ("kind", config.get("extractor")),
        ("relations", ", ".join(config.get("relations") or [])),
        ("sub-words at a time", config.get("max_length")),
        ("threshold of the scores", config.get("threshold")),
        ("temperature", calibration.get("temperature")),
        ("F1 on dev", config.get("dev_f1")),
    ]


def _citations(record: Mapping[str, Any], registry: Registry) -> str:
    """Cites the method, and for each objective the methods of the plugin that provides it."""
    method = registry.parts("method").get((record.get("settings") or {}).get("method", ""))
    lines = [f"- method `{method.name}`: {method.factory.citation}"] if method and method.factory.citation else []
    for _, name in _objectives(record, registry):
        lines += [f"- objective `{name}`: {text}" for text in dict.fromkeys(_citations_of(name, registry))]
    return "\n".join(["## Citations", "", *lines]) if lines else ""


def _citations_of(objective: str, registry: Registry) -> Iterator[str]:
    """Yields the citations of the methods of the plugin that provides an objective."""
    part = registry.parts("objective").get(objective)
    for method in registry.parts("method").values():
        if part and method.plugin == part.plugin and method.factory.citation:
            yield method.factory.citation


def _licence(license: str | None, record: Mapping[str, Any]) -> str:
    base = ((record.get("settings") or {}).get("model") or {}).get("name", "its base encoder")
    weights = f"The weights are under `{license}`." if license else "No licence is stated for the weights."
    sources = f"They are derived from `{base}` and the data above, whose terms still apply; finecl itself is MIT."
    return f"## Licence\n\n{weights} {sources}"
