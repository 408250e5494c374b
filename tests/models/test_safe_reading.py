"""Models of strangers are read without running their code: no code of theirs, no pickles."""

from __future__ import annotations

import ast
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import finecl
from finecl.config.schema import ModelSettings
from finecl.data.stats import load_tokenizer
from finecl.errors import ModelError
from finecl.models.pretrained import load_encoder
from tests.helpers import tiny

ROOT = Path(finecl.__file__).parents[1]


def load(directory: Path, **settings: Any) -> Any:
    return load_encoder(ModelSettings(name=str(directory), precision="float32", device="cpu", **settings))[0]


def fault(directory: Path, **settings: Any) -> str:
    with pytest.raises(ModelError) as caught:
        load(directory, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with code that leaves a file ``ran``; questions of transformers are answered with yes."""
    directory = tiny.save_model(tmp_path / "model", "bert")
    code = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nfrom transformers import BertConfig as Mine\n"
    (directory / "mine.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    return directory


def pickled(directory: Path) -> Path:
    """Replaces safetensors by a pickle."""
    torch.save(load_file(directory / "model.safetensors"), directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    return directory / "pytorch_model.bin"


def test_code_of_a_model_is_not_run(model: Path) -> None:
    change(model / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Mine"})
    message = fault(model)
    assert not (model.parent / "ran").exists()
    assert message.startswith(f"'{model}': expected a model that transformers can read alone")


def test_code_of_a_tokenizer_is_not_run(model: Path) -> None:
    auto_map = {"AutoTokenizer": ["mine.Mine", "mine.Mine"]}
    change(model / "tokenizer_config.json", tokenizer_class="Mine", auto_map=auto_map)
    load(model)  # by the tokenizer of its family
    (model / "config.json").unlink()
    with pytest.raises(ModelError, match="code of its own"):
        load_tokenizer(str(model), 64)
    assert not (model.parent / "ran").exists()


def test_a_known_family_with_code_is_read_without_it(model: Path) -> None:
    change(model / "config.json", auto_map={"AutoConfig": "mine.Mine", "AutoModelForMaskedLM": "mine.Mine"})
    load(model)
    assert not (model.parent / "ran").exists()


def test_pickled_weights_are_read_only_if_allowed(model: Path) -> None:
    expected = load(model).state_dict()
    pickled(model)
    message = fault(model)
    assert message.startswith(f"'{model}': expected model.safetensors, found pytorch_model.bin, which can run code; ")
    assert "model.save_pretrained(PATH)" in message
    assert message.endswith("or set model.allow_pickle = true if you trust its source")
    actual = load(model, allow_pickle=True).state_dict()
    assert all(torch.equal(actual[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("by", ["index", "config"])
def test_pickles_that_other_files_name_are_not_read(by: str, model: Path) -> None:
    weights = pickled(model)
    if by == "index":
        shards = {"metadata": {}, "weight_map": dict.fromkeys(torch.load(weights, weights_only=True), weights.name)}
        (model / "model.safetensors.index.json").write_text(json.dumps(shards), encoding="utf-8")
    else:
        weights.rename(model / "adapter_model.bin")
        change(model / "config.json", transformers_weights="adapter_model.bin")
    assert "which can run code" in fault(model)


def test_a_damaged_index_gives_one_line(model: Path) -> None:
    pickled(model)
    (model / "model.safetensors.index.json").write_text("[]", encoding="utf-8")
    assert "expected the names of the files of each weight" in fault(model)


class Harmful:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        """Sets the directory."""
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Returns what the pickle calls."""
        return os.mkdir, (str(self.path),)


def test_an_allowed_pickle_may_hold_tensors_only(model: Path) -> None:
    weights, ran = pickled(model), model.parent / "ran"
    torch.save({"bert": Harmful(ran), "rest": torch.zeros(40_000)}, weights)
    assert "damaged, or hold more than tensors" in fault(model, allow_pickle=True)
    weights.write_bytes(pickle.dumps(Harmful(ran), protocol=2) + bytes(40_000))
    assert "damaged, or hold more than tensors" in fault(model, allow_pickle=True)
    assert not ran.exists()


def test_every_call_of_transformers_refuses_code() -> None:
    seen = 0
    for path in (p for part in ("finecl", "plugins", "cli", "benchmarks") for p in (ROOT / part).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if not (called.startswith("Auto") or called.endswith("auto_class.from_pretrained")):
                continue
            seen += 1
            values = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert values.get("trust_remote_code") == "False", f"{path}: line {node.lineno}"
    assert seen == 8
