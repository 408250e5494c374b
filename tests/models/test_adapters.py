"""LoRA: only the adapters of an encoder train, and what is saved computes the same without them."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForTextEncoding

from finecl.config.schema import ModelSettings, PretrainSettings
from finecl.errors import ModelError
from finecl.models.families import FAMILIES
from finecl.models.pretrained import load_encoder, save_encoder
from finecl.training.optimizer import Optimization
from tests.end_to_end.conftest import Finecl, Small, finecl, small
from tests.helpers import tiny
from tests.models.test_families import alone, batch_of

__all__ = ["finecl", "small"]  # fixtures

pytest.importorskip("peft", reason="peft is not installed: pip install 'finecl[lora]'")


def load(directory: Path, rank: int = 4) -> Any:
    settings = ModelSettings(
        name=str(directory), lora_rank=rank, precision="float32", device="cpu", hidden_dropout=0.0, max_length=64
    )
    return load_encoder(settings)


def train(encoder: Any, batch: Any, steps: int = 3) -> None:
    optimization = Optimization(encoder, PretrainSettings(learning_rate=0.05, warmup_steps=0), steps)
    target = torch.linspace(-1, 1, tiny.WIDTH)
    for step in range(steps):
        (encoder.train()(batch) - target).square().mean().backward()
        optimization.step(step)


@pytest.mark.parametrize("name", ["bert", "albert", "deberta-v2", "t5", "qwen2"])
def test_only_adapters_train_and_the_saved_encoder_computes_the_same(name: str, tmp_path: Path) -> None:
    tiny.save_model(tmp_path / "model", name)
    encoder, tokenizer, _ = load(tmp_path / "model")
    batch = batch_of(encoder, tokenizer, tmp_path / "data")
    auto_class = AutoModelForTextEncoding if FAMILIES[name].kind == "encoder" else AutoModel
    with torch.no_grad():
        before = encoder.eval()(batch)
        torch.testing.assert_close(before, load(tmp_path / "model", rank=0)[0].eval()(batch))
    old = {key: p.detach().clone() for key, p in encoder.model.base_model.named_parameters()}
    train(encoder, batch)
    changed = {key for key, p in encoder.model.base_model.named_parameters() if not torch.equal(p, old[key])}
    assert changed
    assert changed <= {key for key in old if ".lora_" in key}
    assert any(".lora_B" in key for key in changed)
    with torch.no_grad():
        after = encoder.eval()(batch)
    assert (after - before).abs().max() > 0.01
    save_encoder(encoder, tokenizer, tmp_path / "saved")
    names = load_file(tmp_path / "saved" / "model.safetensors")
    assert not [key for key in names if "lora" in key or "base_layer" in key]
    torch.testing.assert_close(alone(tmp_path / "saved", batch, auto_class), after, rtol=1e-4, atol=1e-4)
    again = load(tmp_path / "saved", rank=0)[0].eval()
    with torch.no_grad():
        torch.testing.assert_close(again(batch), after, rtol=1e-4, atol=1e-4)


def test_the_head_and_the_rest_can_be_frozen_in_turn(tmp_path: Path) -> None:
    tiny.save_model(tmp_path, "bert")
    encoder = load(tmp_path)[0]

    def trained() -> set[str]:
        parts = {".lora_": "adapters", "cls.": "head"}
        names = [name for name, p in encoder.named_parameters() if p.requires_grad]
        return {next((kind for part, kind in parts.items() if part in name), name) for name in names}

    assert trained() == {"adapters", "head"}
    encoder.freeze_head()
    assert trained() == {"adapters"}
    encoder.freeze_base()
    assert trained() == {"head"}
    encoder.freeze_base(False)
    assert trained() == {"adapters", "head"}


def test_a_run_trains_adapters_in_every_stage_and_leaves_plain_encoders(
    tmp_path: Path, small: Small, finecl: Finecl
) -> None:
    result = finecl(*small.arguments(tmp_path / "run", model__lora_rank=2, proxy__num_train_epochs=1))
    assert result.code == 0, result.err
    plain = AutoModel.from_pretrained(small.model).state_dict()
    for directory in (tmp_path / "run" / "encoder", tmp_path / "run" / "extractor" / "pretrained" / "encoder"):
        saved = AutoModel.from_pretrained(directory).state_dict()
        differ = {key for key in plain if "pooler" not in key and not torch.equal(plain[key], saved[key])}
        assert differ
        assert all(key.endswith("weight") and "embeddings" not in key and "LayerNorm" not in key for key in differ)
    out = tmp_path / "out.jsonl"
    result = finecl("predict", tmp_path / "run", small.data / "test.jsonl", out, "--quiet", "--threshold", 0)
    assert result.code == 0, result.err
    assert out.read_text()


def test_without_peft_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_import = builtins.__import__

    def without_peft(name: str, *rest: Any, **keywords: Any) -> Any:
        if name == "peft":
            raise ImportError(name)
        return plain_import(name, *rest, **keywords)

    tiny.save_model(tmp_path, "bert")
    monkeypatch.setattr(builtins, "__import__", without_peft)
    with pytest.raises(ModelError, match=r"model.lora_rank needs peft: pip install 'finecl\[lora\]'"):
        load(tmp_path)
