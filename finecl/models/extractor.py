"""Saves, loads and builds extractors. On disk the encoder is a plain Hugging Face directory beside the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from finecl.artifacts.files import read_json, replacing_directory, write_sealed_json
from finecl.config.schema import ModelSettings
from finecl.distributed.gathered_state import tensors_of
from finecl.errors import ModelError
from finecl.models.pretrained import load_encoder, save_encoder
from finecl.models.verification import VECTOR, check_finite, check_hashes, file_hashes, read_verification
from finecl.registry import Registry
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Extractor, declared

HEAD, EXTRACTOR_CONFIG, ENCODER = "head.safetensors", "extractor.json", "encoder"


@dataclass(frozen=True, kw_only=True)
class SavedExtractor:
    """An extractor loaded from disk. ``config`` holds its relations, threshold and settings."""

    extractor: Any
    tokenizer: DocumentTokenizer
    config: Mapping[str, Any]


def save_extractor(
    extractor: Any, tokenizer: DocumentTokenizer, config: Mapping[str, Any], directory: Path, *, write: bool = True
) -> None:
    """Writes ``encoder/``, ``head.safetensors`` and ``extractor.json`` atomically.

    ``config`` needs at least ``extractor`` (its name), ``settings``, ``relations`` and ``threshold``. Every rank must
    call this, since weights may be sharded; only the rank with ``write`` writes.
    """
    head = {name: tensor for name, tensor in tensors_of(extractor).items() if not name.startswith("encoder.")}
    if not write:
        save_encoder(extractor.encoder, tokenizer, directory, write=False)
        return
    with replacing_directory(directory) as unfinished:
        save_encoder(extractor.encoder, tokenizer, unfinished / ENCODER)
        save_file(head, unfinished / HEAD)
        files = (unfinished / HEAD, unfinished / ENCODER / VECTOR)
        write_sealed_json(unfinished / EXTRACTOR_CONFIG, {**config, "files": file_hashes(unfinished, files)})


def saved_config(directory: Path, made_from: str) -> dict[str, Any]:
    """Returns the configuration of an extractor if it has this fingerprint and no file was changed; else nothing."""
    try:
        config = read_extractor_config(directory)
        check_hashes(directory, config.get("files", {}))
        read_verification(directory / ENCODER)
    except ModelError:
        return {}
    return config if config.get("fingerprint") == made_from else {}


def load_extractor(directory: Path, registry: Registry, model: ModelSettings) -> SavedExtractor:
    """Loads an extractor that ``save_extractor`` wrote; ``model`` sets its device and precision.

    Raises:
        ModelError: a part is missing or does not match the extractor.
    """
    config = read_extractor_config(directory)
    check_hashes(directory, config.get("files", {}))
    encoder, tokenizer, _ = load_encoder(replace(model, name=str(directory / ENCODER)))
    initial = declared(registry.part("extractor", config["extractor"]).factory, Extractor, "initial_settings")
    settings = {name: value for name, value in config["settings"].items() if name not in initial}
    extractor = build_extractor(registry, config["extractor"], settings, encoder, len(config["relations"]) + 1)
    missing, unexpected = extractor.load_state_dict(load_file(directory / HEAD), strict=False)
    mismatched = [name for name in missing if not name.startswith("encoder.")] + list(unexpected)
    if mismatched:
        raise ModelError(
            f"{directory / HEAD}: does not fit the extractor '{config['extractor']}': {', '.join(mismatched)}"
        )
    check_finite(extractor, str(directory))
    return SavedExtractor(extractor=extractor, tokenizer=tokenizer, config=config)


def read_extractor_config(directory: Path) -> dict[str, Any]:
    """Reads ``extractor.json``: the extractor's name, settings, relations, thresholds, calibration and types.

    Raises:
        ModelError: the file does not exist.
    """
    config = read_json(directory / EXTRACTOR_CONFIG)
    if not config:
        raise ModelError(
            f"{directory}: expected an extractor, found no {EXTRACTOR_CONFIG}; run `finecl finetune` first"
        )
    return config


def extractor_settings(registry: Registry, name: str, loss: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those of a run's settings of extractors that this extractor has, and the loss of its stage."""
    known = registry.part("extractor", name).settings
    return {"loss": loss} | {key: value for key, value in settings.items() if key in known}


def build_extractor(registry: Registry, name: str, settings: dict[str, Any], encoder: Any, relations: int) -> Any:
    """Builds an extractor on its encoder's device.

    ``relations`` counts no-relation. The setting ``loss`` is ignored by extractors that do not have it.
    """
    encoder.freeze_head()
    part = registry.part("extractor", name)
    if not declared(part.factory, Extractor, "reads_encoder"):
        encoder.requires_grad_(False)
    loss = {"loss": settings["loss"]} if "loss" in part.settings and settings.get("loss") else {}
    others = {key: value for key, value in settings.items() if key != "loss"}
    return part.create(encoder, relations, **(loss | others)).to(encoder.precision.device)
