"""Saved models are read only as they were written: files by their hashes, weights finite, states those of two texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from finecl.artifacts.files import CHECKSUM, read_json, write_json, write_sealed_json
from finecl.config.schema import ModelSettings
from finecl.errors import FormatError, ModelError
from finecl.models.pretrained import load_encoder, save_encoder
from finecl.models.verification import VECTOR
from tests.conftest import LoadTiny
from tests.helpers import tiny


@pytest.fixture
def saved(load_tiny: LoadTiny, tmp_path: Path) -> Path:
    """A saved encoder."""
    save_encoder(*load_tiny("bert"), tmp_path / "encoder")
    return tmp_path / "encoder"


def fault(directory: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_encoder(ModelSettings(name=str(directory), precision="float32", device="cpu"))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change_weight(directory: Path, name: str, row: int, value: float) -> None:
    weights = load_file(directory / "model.safetensors")
    weights[name][row] = value
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def without_hashes(directory: Path, **changed: Any) -> None:
    write_json(directory / VECTOR, read_json(directory / VECTOR) | {"files": {}} | changed)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_changed_file_of_an_encoder_is_refused(name: str, saved: Path) -> None:
    content = bytearray((saved / name).read_bytes())
    content[-2] ^= 1
    (saved / name).write_bytes(content)
    message = fault(saved)
    assert "was changed since the model was saved" in message or name != "model.safetensors"
    (saved / name).unlink()
    fault(saved)


def test_a_weight_of_a_late_position_is_checked_also_without_hashes(saved: Path) -> None:
    without_hashes(saved)
    change_weight(saved, "bert.embeddings.position_embeddings.weight", tiny.LONGEST - 4, 3.0)
    assert "does not reproduce its test vector" in fault(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("how", ["of finecl", "of others"])
def test_weights_that_are_not_finite_are_refused(value: float, how: str, saved: Path) -> None:
    if how == "of others":
        (saved / VECTOR).unlink()
    else:
        without_hashes(saved)
    change_weight(saved, "bert.embeddings.position_embeddings.weight", tiny.LONGEST - 1, value)
    assert "got NaN or infinity in model.bert.embeddings.position_embeddings.weight" in fault(saved)


def test_other_states_and_other_ids_are_refused(saved: Path) -> None:
    short = read_json(saved / VECTOR)["short"]
    short["states"][3][2] += 0.1
    without_hashes(saved, short=short)
    assert "does not reproduce its test vector (off by 0.1); save it again" in fault(saved)
    without_hashes(saved, short=short | {"input_ids": short["input_ids"][:-1]})
    assert "does not reproduce its test vector" in fault(saved)
    without_hashes(saved, short=short | {"states": short["states"][:-1]})
    assert "does not reproduce its test vector" in fault(saved)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a JSON record"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "expected a JSON object, got list"),
        ('{"files": {}}', "short: expected a value, got nothing"),
        ('{"files": {"../x": "0"}, "short": {"input_ids": [], "states": []}, "long": {"input_ids": [], "states": []}}',
         "is missing or was changed"),
        ('{"files": 3, "short": {}, "long": {}}', "files: expected an object, got 3"),
        ('{"files": {}, "short": {"input_ids": [0.5], "states": []}, "long": {}}',
         "short.input_ids.0: expected a valid integer, got 0.5"),
    ],
)  # fmt: skip
def test_a_misshapen_record_gives_one_line(content: str, message: str, saved: Path) -> None:
    (saved / VECTOR).write_text(content, encoding="utf-8")
    assert message in fault(saved)


def test_a_record_that_was_changed_is_refused_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_sealed_json(path, {"number": 0.1, "names": ("a", "b"), "nothing": float("nan")})
    assert read_json(path) == {"number": 0.1, "names": ["a", "b"], "nothing": None}
    changed = json.loads(path.read_text()) | {"number": 0.2}
    path.write_text(json.dumps(changed))
    with pytest.raises(FormatError, match="was changed since finecl wrote it"):
        read_json(path)
    del changed[CHECKSUM]
    path.write_text(json.dumps(changed))
    assert read_json(path)["number"] == 0.2
