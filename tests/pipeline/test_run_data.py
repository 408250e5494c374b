"""The fingerprint of the encoder covers every file that it is read from."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from finecl import registry
from finecl.config.schema import ModelSettings, Settings
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from tests.helpers import tiny


def model_fingerprint(directory: Path, *, allow_pickle: bool = False) -> str:
    model = ModelSettings(name=str(directory), device="cpu", allow_pickle=allow_pickle)
    return RunData(RunSpec.bind(Settings(model=model), registry.load()), print).model_fingerprint


def test_another_configuration_is_another_encoder(tmp_path: Path) -> None:
    directory = tiny.save_model(tmp_path / "model", "bert", hidden_act="gelu")
    before = model_fingerprint(directory)
    assert model_fingerprint(directory) == before
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    (directory / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}), encoding="utf-8")
    after = model_fingerprint(directory)
    assert after != before
    (directory / "README.md").write_text("Read by nobody.", encoding="utf-8")
    assert model_fingerprint(directory) == after


def test_another_file_of_the_tokenizer_is_another_encoder(tmp_path: Path) -> None:
    directory = tiny.save_model(tmp_path / "model", "bert")
    seen = {model_fingerprint(directory)}
    for name in ("vocab.txt", "added_tokens.json", "spiece.model"):
        (directory / name).write_text("{}", encoding="utf-8")
        seen.add(model_fingerprint(directory))
    assert len(seen) == 4


def test_other_pickled_weights_are_another_encoder(tmp_path: Path) -> None:
    directory = tiny.save_model(tmp_path / "model", "bert")
    weights = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    seen = set()
    for _ in range(2):
        weights["bert.embeddings.LayerNorm.bias"] += 1
        torch.save(weights, directory / "pytorch_model.bin")
        seen.add(model_fingerprint(directory, allow_pickle=True))
    assert len(seen) == 2
