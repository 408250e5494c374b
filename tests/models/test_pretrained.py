"""Encoders on disk: loading, verifying, and saving as plain Hugging Face directories; errors are one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig

from finecl.config.schema import ModelSettings
from finecl.errors import ModelError
from finecl.models import pretrained
from finecl.models.pretrained import check_sha256, find_model, load_encoder, save_encoder
from finecl.tokens.packing import pack
from tests.conftest import LoadTiny
from tests.helpers import tiny


def load(directory: Path | str, **settings: Any) -> Any:
    values = {"precision": "float32", "device": "cpu"} | settings
    return load_encoder(ModelSettings(name=str(directory), **values))


def fault(directory: Path | str) -> str:
    with pytest.raises(ModelError) as caught:
        load(directory)
    message = str(caught.value)
    assert "\n" not in message
    return message


WITHOUT_FINECL = """
import importlib.abc, json, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith("finecl"):
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Blocker())
try:
    import finecl
except ImportError:
    pass
else:
    raise SystemExit("finecl could be imported")
import torch
from transformers import AutoModel, AutoTokenizer
for directory in sys.argv[1:]:
    stored = json.load(open(directory + "/finecl_test_vector.json"))["short"]
    model = AutoModel.from_pretrained(directory).eval()
    with torch.no_grad():
        states = model(input_ids=torch.tensor([stored["input_ids"]])).last_hidden_state[0]
    tokens = AutoTokenizer.from_pretrained(directory)("Marie Curie was born in Warsaw .", add_special_tokens=False)
    print(json.dumps({
        "off": (states[:, :8] - torch.tensor(stored["states"])).abs().max().item(),
        "tokens": tokens.input_ids == stored["input_ids"][1:-1],
        "attention": model.config._attn_implementation,
        "states": states.abs().mean().item(),
    }))
"""


def test_saved_encoders_load_without_finecl_and_reproduce_the_stored_states(
    load_tiny: LoadTiny, tmp_path: Path
) -> None:
    for family in tiny.FAMILIES:
        encoder, tokenizer = load_tiny(family)
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))  # as trained, not as loaded
        save_encoder(encoder, tokenizer, tmp_path / family)
        assert "finecl" not in (tmp_path / family / "config.json").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FINECL, *(str(tmp_path / family) for family in tiny.FAMILIES)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(tiny.FAMILIES)
    for answer in answers:
        assert answer["off"] < 1e-5
        assert answer["states"] > 1e-3
        assert answer["tokens"]
        assert "finecl" not in answer["attention"]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_saved_encoder_is_loaded_as_it_was(load_tiny: LoadTiny, family: str, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny(family)
    encoder.train()
    save_encoder(encoder, tokenizer, tmp_path / "encoder")
    save_encoder(encoder, tokenizer, tmp_path / "encoder")  # replaces the first
    again, reader_again, notes = load(tmp_path / "encoder")
    assert notes == []
    assert encoder.training
    assert encoder.config._attn_implementation == again.config._attn_implementation == "finecl_packed"
    assert reader_again.fingerprint == tokenizer.fingerprint
    for (name, actual), (_, expected) in zip(encoder.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(actual, expected), name
    assert sorted(p.name for p in tmp_path.iterdir()) == ["encoder"]  # no partial files remain


def test_a_missing_directory_gives_one_line(tmp_path: Path) -> None:
    assert fault(tmp_path / "nowhere").startswith(f"cannot read the model '{tmp_path / 'nowhere'}': ")
    (tmp_path / "empty").mkdir()
    assert fault(tmp_path / "empty").startswith(f"cannot read the model '{tmp_path / 'empty'}': ")


@pytest.mark.parametrize("damage", ["cut", "noise", "empty"])
def test_damaged_weights_give_one_line(tmp_path: Path, damage: str) -> None:
    tiny.save_model(tmp_path, "bert")
    weights = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes({"cut": content[: len(content) // 2], "noise": b"\xff" * 64 + content, "empty": b""}[damage])
    message = fault(tmp_path)
    assert message.startswith(f"cannot read the model '{tmp_path}': ")
    assert "damaged" in message


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_damaged_json_gives_one_line(tmp_path: Path, name: str) -> None:
    tiny.save_model(tmp_path, "bert")
    (tmp_path / name).write_text("{not JSON", encoding="utf-8")
    assert fault(tmp_path).startswith(f"cannot read the model '{tmp_path}': ")


def test_missing_weights_of_the_encoder_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tiny.save_model(tmp_path, "bert")
    weights = load_file(tmp_path / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert "lacks encoder weights: bert.encoder.layer.1.output.dense.weight" in fault(tmp_path)


def test_an_unsupported_family_is_refused(tmp_path: Path) -> None:
    from transformers import GPT2Config

    GPT2Config(n_layer=1, n_embd=8, n_head=2).save_pretrained(tmp_path)
    assert "is a gpt2 model; supported families: bert, roberta, xlm-roberta, " in fault(tmp_path)


@pytest.mark.parametrize("family", [*tiny.FAMILIES, "camembert"])
def test_a_checkpoint_without_a_language_model_gets_one_tied_to_its_embeddings(tmp_path: Path, family: str) -> None:
    tiny.save_model(tmp_path, family, head=False)
    encoder, tokenizer, notes = load(tmp_path)
    (note,) = notes
    assert note == f"'{tmp_path}' has no language-modelling head: a new one was added, tied to its embeddings"
    model: Any = encoder.model
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    states = torch.randn(3, tiny.WIDTH)
    loss = encoder.mlm_loss(states, torch.tensor([0, 2]), torch.tensor([5, 6]))
    assert torch.isfinite(loss.total)
    again, _, _ = load(tmp_path)
    for (name, actual), (_, expected) in zip(encoder.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(actual, expected), name  # the new head is initialised from the seed
    assert tokenizer.max_length == tiny.LONGEST


def test_the_longest_text_fits_the_position_embeddings(tmp_path: Path) -> None:
    for family in (*tiny.FAMILIES, "camembert"):
        tiny.save_model(tmp_path / family, family)
        encoder, tokenizer, _ = load(tmp_path / family)
        long = tiny.document("long", ["Ada " * tiny.LONGEST], ["Ada"])
        tokens = tiny.labelled([long], tokenizer, tmp_path / f"{family} data").tokens
        packed = pack(tokens.rows(np.array([0])))
        nobody = np.zeros(0, dtype=np.int64)
        states = encoder(packed.batch(nobody, nobody, first_position=encoder.first_position))
        assert states.shape == (tokenizer.max_length, tiny.WIDTH)


def test_dropout_is_set_by_the_settings(models: dict[str, Path]) -> None:
    bert, _, _ = load(models["bert"], attention_dropout=0.3)
    assert (bert.config.attention_probs_dropout_prob, bert.config.hidden_dropout_prob) == (0.3, 0.1)
    modern = load(models["modernbert"], hidden_dropout=0.2)[0].config
    assert (modern.attention_dropout, modern.embedding_dropout, modern.mlp_dropout) == (0, 0.2, 0.2)


def test_a_file_with_another_digest_is_named(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    with pytest.raises(ModelError, match=r"no such weights file; reinstall the package: pip install 'finecl\[quick"):
        check_sha256(weights, "0" * 64)
    weights.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    check_sha256(weights, empty)
    with pytest.raises(ModelError, match=f"expected sha256 {'0' * 64}, got {empty}"):
        check_sha256(weights, "0" * 64)


def test_minilm_is_the_package_with_the_known_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Path(find_model("minilm"))
    assert AutoConfig.from_pretrained(directory).model_type == "bert"
    monkeypatch.setattr(pretrained, "MINILM_SHA256", "1" * 64)
    with pytest.raises(ModelError, match="expected sha256 1111"):
        find_model("minilm")


def test_without_package_or_hub_the_default_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "MINILM_PACKAGE", "no_such_package")
    assert find_model("minilm") == pretrained.MINILM_HUB
    monkeypatch.setattr(pretrained, "MINILM_HUB", "/no/such/directory")  # independent of the hub cache of the machine
    assert "pip install 'finecl[quickstart]', or name a local directory with --model" in fault("minilm")
