"""Valid but untrained extractors on disk, for the tests of inference."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from finecl import registry as plugins
from finecl.config.schema import ModelSettings
from finecl.extraction.calibration import Calibration
from finecl.models.extractor import build_extractor, save_extractor
from finecl.models.pretrained import load_encoder
from finecl.types import Document, Entity

RELATIONS = ("P0", "P1", "P2")


def save(
    directory: Path,
    model: Path,
    extractor: str = "bilinear",
    *,
    threshold: float = 0.5,
    max_length: int = 64,
    **card: Any,
) -> Path:
    """Saves a random extractor on a tiny encoder in ``directory``, as ``finecl finetune`` does."""
    settings = ModelSettings(name=str(model), max_length=max_length, precision="float32", device="cpu")
    encoder, tokenizer, _ = load_encoder(settings, markers=extractor == "markers")
    torch.manual_seed(3)
    untrained = build_extractor(plugins.load(), extractor, {}, encoder, len(RELATIONS) + 1).eval()
    for name, parameter in untrained.named_parameters():  # so that scores differ
        if not name.startswith("encoder."):
            torch.nn.init.normal_(parameter, std=0.1)
    marked = extractor == "markers"
    kind = "competing" if marked else "log-odds" if extractor == "adaptive" else "probability"
    described: dict[str, Any] = {
        "extractor": extractor,
        "settings": {},
        "relations": list(RELATIONS),
        "names": {"P0": "born in"},
        "max_length": tokenizer.max_length,
        "fingerprint": f"{extractor}-{model.name}",
        "threshold": threshold,
        "dev_f1": 0.5,
        "calibration": Calibration(kind=kind, temperature=2.0).to_dict(),  # type: ignore[arg-type]
        "type_triples": [["PER", "P0", "LOC"]],
    }
    save_extractor(untrained, tokenizer, described | card, directory)
    return directory


def typed(document: Document, types: Sequence[str | None]) -> Document:
    """Returns the document with these entity types."""
    entities = tuple(
        Entity(mentions=tuple(dataclasses.replace(m, type=kind) for m in entity.mentions), id=entity.id)
        for entity, kind in zip(document.entities, types, strict=True)
    )
    return dataclasses.replace(document, entities=entities)
