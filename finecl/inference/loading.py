"""Finds and loads an extractor: from its directory, a run directory or a repository on the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from finecl import registry as plugins
from finecl.config.schema import ModelSettings
from finecl.errors import ModelError, SettingsError
from finecl.extraction.pair_scores import Backend, TorchBackend
from finecl.models.extractor import ENCODER, EXTRACTOR_CONFIG, load_extractor, read_extractor_config
from finecl.registry import Registry
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Extractor, declared

_RUN, _VARIANT = "extractor", "pretrained"
_HUB = re.compile(r"[\w.-]+/[\w.-]+")


def find_extractor(name: str | Path, *, variant: str = _VARIANT, revision: str | None = None) -> Path:
    """The directory that holds ``extractor.json``.

    ``name``: what ``finecl finetune`` leaves in RUN/extractor/VARIANT, a run directory, or OWNER/NAME on the hub, whose
    snapshot of ``revision`` is downloaded or found in huggingface_hub's cache.

    Raises:
        ModelError: there is no extractor, or the hub cannot be reached.
    """
    path = Path(name)
    if path.is_dir():
        for place in (path, path / _RUN / variant):
            if (place / EXTRACTOR_CONFIG).is_file():
                return place
        variants = sorted(place.parent.name for place in path.glob(f"{_RUN}/*/{EXTRACTOR_CONFIG}"))
        hint = f"its variants are: {', '.join(variants)}" if variants else "run `finecl finetune` on a run first"
        raise ModelError(
            f"{path}: expected an extractor or a run with {_RUN}/{variant}/{EXTRACTOR_CONFIG}, found neither; {hint}"
        )
    if not _HUB.fullmatch(str(name)):
        raise ModelError(f"{name}: expected a directory or OWNER/NAME on the Hugging Face hub, found no directory")
    return _download(str(name), revision)


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        place = Path(snapshot_download(name, revision=revision))
    except Exception as error:  # of the network, the hub or its cache
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise ModelError(
            f"cannot read the extractor '{name}': no such directory, and the hub says: {reason}"
        ) from error
    if not (place / EXTRACTOR_CONFIG).is_file():
        raise ModelError(f"'{name}' on the hub: expected an extractor of finecl, found no {EXTRACTOR_CONFIG}")
    return place


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The content of an extractor directory; ``marked``: it reads marked sentences."""

    config: Mapping[str, Any]
    tokenizer: DocumentTokenizer
    backend: Backend
    marked: bool


def load(
    directory: Path, *, backend: str, file: str | Path | None, device: str, precision: str, max_tokens: int | None
) -> Loaded:
    """The extractor in a directory that holds ``extractor.json``.

    Raises:
        ModelError: a part is missing or does not fit.
        SettingsError: the backend is unknown, or ``max_tokens`` is not positive.
    """
    if max_tokens is not None and max_tokens < 1:
        raise SettingsError(f"max_tokens: expected at least 1, got {max_tokens}")
    registry, config = plugins.load(), read_extractor_config(directory)
    marked = is_marked(registry, config)
    if backend == "onnx":
        from finecl.inference.onnx.backend import OnnxBackend, read_tokenizer

        loaded_backend = OnnxBackend(directory, config, file, max_tokens)
        return Loaded(
            config=config, tokenizer=read_tokenizer(directory / ENCODER, config), backend=loaded_backend, marked=marked
        )
    if backend != "torch":
        raise SettingsError(f"backend: expected torch or onnx, got '{backend}'")
    settings = model_settings(config, device=device, precision=precision)
    with torch.random.fork_rng(devices=[]):  # loading seeds; the caller's draws are to stay as they were
        saved = load_extractor(directory, registry, settings)
    return Loaded(
        config=config, tokenizer=saved.tokenizer, backend=TorchBackend(saved.extractor, max_tokens), marked=marked
    )


def model_settings(config: Mapping[str, Any], **settings: Any) -> ModelSettings:
    """The settings by which an extractor's encoder is loaded; ``name`` is filled in from its directory."""
    return ModelSettings(name=EXTRACTOR_CONFIG, max_length=int(config.get("max_length", 512)), **settings)


def is_marked(registry: Registry, config: Mapping[str, Any]) -> bool:
    """Whether an extractor reads marked sentences."""
    factory = registry.part("extractor", config["extractor"]).factory
    return bool(declared(factory, Extractor, "input_format") == "marked-sentences")
