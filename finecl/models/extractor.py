"""Saves, loads and builds extractors. On disk the encoder is a plain Hugging Face directory beside the head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import torch
from annotated_types import Interval, Len
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typing_extensions import TypedDict

from finecl.artifacts.files import read_json, replacing_directory, write_sealed_json
from finecl.artifacts.outside import Length, Names, Number, Text, check_record
from finecl.config.schema import ModelSettings
from finecl.distributed.gathered_state import tensors_of
from finecl.errors import FineCLError, ModelError
from finecl.models.pretrained import load_encoder, save_encoder
from finecl.models.safe_reading import LOADING
from finecl.models.verification import VECTOR, check_finite, check_hashes, file_hashes, read_verification
from finecl.registry import Registry
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Extractor, declared

HEAD, EXTRACTOR_CONFIG, ENCODER = "head.safetensors", "extractor.json", "encoder"


class _Calibration(TypedDict):
    kind: Literal["probability", "log-odds", "competing"]
    temperature: Annotated[Number, Interval(ge=1e-6, le=1e6)]


class _Config(TypedDict):
    """Content of ``extractor.json``; other keys are not read."""

    extractor: Text
    settings: dict[Text, Any]
    relations: Names
    threshold: Number | None
    thresholds: NotRequired[dict[Text, Number | None] | None]
    names: NotRequired[dict[Text, Text]]
    type_triples: NotRequired[list[Annotated[list[Text], Len(3, 3)]] | None]
    max_length: NotRequired[Annotated[Length, Interval(ge=3, le=1_000_000)]]
    long_documents: NotRequired[Literal["windows", "truncate"]]
    calibration: NotRequired[_Calibration | None]
    fingerprint: NotRequired[Text]
    files: NotRequired[dict[Text, Text]]


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
    except FineCLError:
        return {}
    return config if config.get("fingerprint") == made_from else {}


def load_extractor(directory: Path, registry: Registry, model: ModelSettings) -> SavedExtractor:
    """Loads an extractor that ``save_extractor`` wrote; ``model`` sets its device and precision.

    Raises:
        ModelError: a part is missing or does not match the extractor.
    """
    with LOADING:
        return _load_extractor(directory, registry, model)


def _load_extractor(directory: Path, registry: Registry, model: ModelSettings) -> SavedExtractor:
    config = read_extractor_config(directory)
    check_hashes(directory, config.get("files", {}))
    encoder, tokenizer, _ = load_encoder(replace(model, name=str(directory / ENCODER), lora_rank=0))
    initial = declared(registry.part("extractor", config["extractor"]).factory, Extractor, "initial_settings")
    settings = {name: value for name, value in config["settings"].items() if name not in initial}
    arguments = registry, config["extractor"], settings, encoder, len(config["relations"]) + 1
    _check_head(directory / HEAD, *arguments)
    with _own_faults(directory):
        extractor = build_extractor(*arguments)
        extractor.load_state_dict(load_file(directory / HEAD), strict=False)
    check_finite(extractor, str(directory))
    return SavedExtractor(extractor=extractor, tokenizer=tokenizer, config=config)


def _check_head(path: Path, registry: Registry, name: str, settings: dict[str, Any], *rest: Any) -> None:
    """Compares the names and shapes of a head with those of its extractor, before memory for it is taken.

    Raises:
        ModelError: the file cannot be read, or does not fit.
    """
    with _own_faults(path), safe_open(path, framework="pt") as file:
        saved = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118 - not a mapping
    with _own_faults(path.parent), torch.device("meta"), torch.random.fork_rng(devices=[]):
        skeleton = _create(registry, name, settings, *rest)
    tensors = skeleton.state_dict().items()
    expected = {key: list(tensor.shape) for key, tensor in tensors if not key.startswith("encoder.")}
    for key in sorted({*expected, *saved}):
        if expected.get(key) != saved.get(key):
            raise ModelError(
                f"{path}: does not fit the extractor '{name}': {key}: expected {expected.get(key, 'nothing')}, "
                f"got {saved.get(key, 'nothing')}"
            )


@contextmanager
def _own_faults(path: Path) -> Iterator[None]:
    """Turns whatever an extractor raises, built and loaded from the files of others, into one line."""
    try:
        yield
    except FineCLError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ModelError(f"{path}: the extractor cannot be built from its files: {reason:.200}") from error


def read_extractor_config(directory: Path) -> dict[str, Any]:
    """Reads ``extractor.json``: the extractor's name, settings, relations, thresholds, calibration and types.

    Raises:
        ModelError: the file does not exist, or a value is invalid.
        FormatError: the file is damaged.
    """
    config = read_json(directory / EXTRACTOR_CONFIG)
    if not config:
        raise ModelError(
            f"{directory}: expected an extractor, found no {EXTRACTOR_CONFIG}; run `finecl finetune` first"
        )
    check_record(config, _Config, str(directory / EXTRACTOR_CONFIG), ModelError, "save the extractor again")
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
    return _create(registry, name, settings, encoder, relations).to(encoder.precision.device)


def _create(registry: Registry, name: str, settings: dict[str, Any], encoder: Any, relations: int) -> Any:
    part = registry.part("extractor", name)
    if not declared(part.factory, Extractor, "reads_encoder"):
        encoder.requires_grad_(False)
    loss = {"loss": settings["loss"]} if "loss" in part.settings and settings.get("loss") else {}
    others = {key: value for key, value in settings.items() if key != "loss"}
    return part.create(encoder, relations, **(loss | others))
