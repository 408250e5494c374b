"""An extractor from its directory, ready to compute with torch or onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from finecl import registry as plugins
from finecl.config.schema import ModelSettings
from finecl.errors import SettingsError
from finecl.inference.backends import Backend, TorchBackend
from finecl.models.extractor import CARD, ENCODER, load_extractor, read_card
from finecl.registry import Registry
from finecl.tokens.tokenizer import Reader


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What an extractor's directory holds; ``marked`` says whether it reads marked sentences."""

    card: Mapping[str, Any]
    reader: Reader
    backend: Backend
    marked: bool


def load(
    directory: Path, *, backend: str, file: str | Path | None, device: str, precision: str, max_tokens: int | None
) -> Loaded:
    """The extractor in a directory that holds ``extractor.json``.

    Raises:
        ModelError: a part is missing or does not fit.
        SettingsError: there is no such backend, or ``max_tokens`` is no positive number.
    """
    if max_tokens is not None and max_tokens < 1:
        raise SettingsError(f"max_tokens: expected at least 1, got {max_tokens}")
    registry, card = plugins.load(), read_card(directory)
    marked = is_marked(registry, card)
    if backend == "onnx":
        from finecl.inference.onnx import OnnxBackend, read_reader

        made = OnnxBackend(directory, card, file, max_tokens)
        return Loaded(card=card, reader=read_reader(directory / ENCODER, card), backend=made, marked=marked)
    if backend != "torch":
        raise SettingsError(f"backend: expected torch or onnx, got '{backend}'")
    settings = model_settings(card, device=device, precision=precision)
    with torch.random.fork_rng(devices=[]):  # loading seeds; the caller's draws are to stay as they were
        saved = load_extractor(directory, registry, settings)
    return Loaded(card=card, reader=saved.reader, backend=TorchBackend(saved.extractor, max_tokens), marked=marked)


def model_settings(card: Mapping[str, Any], **settings: Any) -> ModelSettings:
    """The settings by which an extractor's encoder is loaded; ``name`` is filled in from its directory."""
    return ModelSettings(name=CARD, max_length=int(card.get("max_length", 512)), **settings)


def is_marked(registry: Registry, card: Mapping[str, Any]) -> bool:
    """Whether an extractor reads marked sentences."""
    factory = registry.part("extractor", card["extractor"]).factory
    return bool(getattr(factory, "text", "documents") == "marked-sentences")
