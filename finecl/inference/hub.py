"""Extractors for others: saved with a model card, and uploaded to the Hugging Face hub."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.artifacts.files import read_json, replacing_directory, write_json, write_text
from finecl.errors import ModelError
from finecl.models.card import README, extractor_card, model_card
from finecl.models.extractor import ENCODER, read_extractor_config

RECORDS = {"run.json": "finecl_run.json", "metrics.json": "finecl_metrics.json"}
"""Records of a run, and how they are called beside a saved extractor."""


def save(source: Path, directory: Path, *, license: str | None = None) -> Path:
    """Copies an extractor's directory, with its run's records and cards for it and for its encoder.

    Raises:
        ModelError: ``directory`` is the extractor's own, or is in use by something else.
    """
    if directory.resolve() == source.resolve() or source.resolve() in directory.resolve().parents:
        raise ModelError(f"{directory}: expected another directory than the extractor's own, {source}; name another")
    if directory.is_dir() and any(directory.iterdir()) and not (directory / "extractor.json").is_file():
        raise ModelError(f"{directory}: expected a new or empty directory, or an extractor to replace; name another")
    if directory.exists() and not directory.is_dir():
        raise ModelError(f"{directory}: expected a directory, got a file; name another")
    record, metrics = records_of(source)
    registry, card, variant = plugins.load(), read_extractor_config(source), source.name
    variant = variant if variant in (metrics.get("evaluate") or {}) else record.get("variant", "pretrained")
    with replacing_directory(directory) as unfinished:
        shutil.copytree(source, unfinished, dirs_exist_ok=True)
        if record:
            write_json(unfinished / RECORDS["run.json"], record | {"variant": variant})
        if metrics:
            write_json(unfinished / RECORDS["metrics.json"], metrics)
        text = extractor_card(record, metrics, registry, card, variant=variant, license=license)
        write_text(unfinished / README, text)
        of_encoder = model_card(record, metrics, registry, kind="encoder", license=license)
        write_text(unfinished / ENCODER / README, of_encoder)
    return directory


def records_of(source: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns ``run.json`` and ``metrics.json`` of the run of an extractor; empty if they do not exist."""
    records = []
    for name, beside in RECORDS.items():
        of_extractor = read_json(source / beside)
        in_run = source.resolve().parents[1] if len(source.resolve().parents) > 1 else source
        is_run = source.resolve().parent.name == "extractor"
        records.append(of_extractor or (read_json(in_run / name) if is_run else {}))
    return records[0], records[1]


def push(source: Path, repo_id: str, *, private: bool = False, license: str | None = None) -> str:
    """Uploads a saved extractor to the hub; creates the repository if needed and returns its address.

    Raises:
        ModelError: the hub refuses, or does not answer.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with tempfile.TemporaryDirectory() as directory:
        saved = save(source, Path(directory) / "extractor", license=license)
        try:
            address = api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=saved, commit_message="Upload an extractor of finecl")
        except Exception as error:  # of the network, or of the hub
            lines = str(error).strip().splitlines()
            reason = lines[0] if lines else type(error).__name__
            raise ModelError(f"cannot upload to '{repo_id}': {reason}") from error
    return str(address)
