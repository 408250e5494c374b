"""Every family of encoders: packed or padded, a document has the states that transformers computes for it alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finecl_benchmarks.encoders import packs
from transformers import AutoModel, AutoModelForTextEncoding

from finecl.config.schema import ModelSettings
from finecl.errors import ModelError
from finecl.models.families import FAMILIES
from finecl.models.pretrained import load_encoder, save_encoder
from finecl.tokens.packing import pack
from finecl.types import Batch
from tests.helpers import tiny

NOBODY = np.zeros(0, dtype=np.int64)
TEXTS = ("Ada met Babbage .", "Curie", " ".join(["Darwin", *tiny.FILLERS * 2, "Euler"]), "Ada " * 60)
DECODERS = [name for name, family in FAMILIES.items() if family.kind == "decoder"]


def load(directory: Path, **settings: Any) -> Any:
    values: dict[str, Any] = {"precision": "float32", "device": "cpu", "hidden_dropout": 0.0} | settings
    return load_encoder(ModelSettings(name=str(directory), **values))


def batch_of(encoder: Any, tokenizer: Any, directory: Path) -> Batch:
    documents = [tiny.document(str(n), [text], [text.split()[0]]) for n, text in enumerate(TEXTS)]
    tokens = tiny.labelled(documents, tokenizer, directory).tokens
    return pack(tokens.rows(np.arange(len(TEXTS)))).batch(NOBODY, NOBODY, first_position=encoder.first_position)


def alone(directory: Path, batch: Batch, auto_class: Any = AutoModel) -> torch.Tensor:
    model = auto_class.from_pretrained(directory).eval()
    with torch.no_grad():
        texts = torch.split(batch.input_ids[0], list(batch.lengths))
        return torch.cat([model(input_ids=ids[None]).last_hidden_state[0] for ids in texts])


@pytest.mark.parametrize("name", FAMILIES)
def test_documents_of_a_batch_have_the_states_of_a_saved_encoder_that_transformers_loads(
    name: str, tmp_path: Path
) -> None:
    tiny.save_model(tmp_path / "model", name)
    auto_class = AutoModelForTextEncoding if FAMILIES[name].kind == "encoder" else AutoModel
    for packing in ("on", "off"):
        encoder, tokenizer, _ = load(tmp_path / "model", packing=packing)
        assert encoder.packing == ("loop" if packing == "on" and FAMILIES[name].packed else "padded")
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))  # as trained, not as loaded
            batch = batch_of(encoder, tokenizer, tmp_path / packing)
            states = encoder.eval()(batch)
        save_encoder(encoder, tokenizer, tmp_path / packing / "saved")
        expected = alone(tmp_path / packing / "saved", batch, auto_class)
        assert len(batch.lengths) == len(TEXTS)
        assert expected.std() > 0.1
        torch.testing.assert_close(states, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_families_that_are_packed_are_those_whose_packed_states_are_equal(name: str, tmp_path: Path) -> None:
    assert (packs(tiny.save_model(tmp_path, name)) == "yes") == FAMILIES[name].packed


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_trains_every_family_or_is_left_out_with_a_note(name: str, tmp_path: Path) -> None:
    tiny.save_model(tmp_path / "model", name)
    states = {}
    for precision in ("float32", "bf16"):
        encoder, tokenizer, notes = load(tmp_path / "model", precision=precision)
        batch = batch_of(encoder, tokenizer, tmp_path / precision)
        states[precision] = encoder.train()(batch).float()
        states[precision].square().sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)
        noted = [note for note in notes if note.endswith(f"is a {name} model: it computes in float32")]
        assert len(noted) == int(precision == "bf16" and not FAMILIES[name].bf16)
    off = (states["bf16"] - states["float32"]).norm() / states["float32"].norm()
    assert (0 < off < 0.03) if FAMILIES[name].bf16 else off == 0


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_attend_to_the_whole_text_unless_they_are_to_be_causal(name: str, tmp_path: Path) -> None:
    tiny.save_model(tmp_path / "model", name)
    states = {}
    for attention in ("bidirectional", "causal"):
        encoder, tokenizer, notes = load(tmp_path / "model", decoder_attention=attention)
        assert notes == [f"'{tmp_path / 'model'}' is a decoder: its attention is {attention} (model.decoder_attention)"]
        batch = batch_of(encoder, tokenizer, tmp_path / attention)
        with torch.no_grad():
            states[attention] = encoder.eval()(batch)
        save_encoder(encoder, tokenizer, tmp_path / attention / "saved")
        again = load(tmp_path / attention / "saved")[0].eval()  # without the setting: as it was saved
        with torch.no_grad():
            torch.testing.assert_close(again(batch), states[attention])
        torch.testing.assert_close(
            states[attention], alone(tmp_path / attention / "saved", batch), rtol=1e-4, atol=1e-4
        )
    first_of_second = batch.lengths[0]
    difference = (states["causal"] - states["bidirectional"]).abs().amax(dim=1)
    assert difference[0] > 1e-3
    assert difference[first_of_second] > 1e-3
    torch.testing.assert_close(states["causal"], alone(tmp_path / "model", batch), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["t5", "llama", "qwen2"])
def test_a_tokenizer_frames_texts_with_the_special_tokens_that_it_has(name: str, tmp_path: Path) -> None:
    _, tokenizer, _ = load(tiny.save_model(tmp_path, name), max_length=12)
    ids = tokenizer.framed(tokenizer.encode("Ada met Babbage .")[: tokenizer.room])
    text = tokenizer.hf_tokenizer.convert_ids_to_tokens(ids)
    expected = {"t5": (None, "</s>"), "llama": ("<s>", "</s>"), "qwen2": (None, "<|endoftext|>")}[name]
    assert (text[0] if expected[0] else None, text[-1]) == expected
    assert tokenizer.before == int(expected[0] is not None)
    assert len(ids) <= tokenizer.max_length == tokenizer.room + tokenizer.before + 1


def test_an_attention_bias_is_refused_where_it_cannot_be_added(tmp_path: Path) -> None:
    for name in ("deberta-v2", "llama", "distilbert"):
        encoder, tokenizer, _ = load(tiny.save_model(tmp_path / name, name))
        batch = batch_of(encoder, tokenizer, tmp_path / f"{name} data")
        with pytest.raises(ModelError, match=f"BERT and RoBERTa families only, not of {name}"):
            encoder.with_attention_bias(batch, lambda *_: None)


def test_a_configuration_of_more_weights_than_the_file_has_is_refused_in_every_kind(tmp_path: Path) -> None:
    for name, field in (("albert", "vocab_size"), ("t5", "d_ff"), ("llama", "num_hidden_layers")):
        model = tiny.save_model(tmp_path / name, name)
        config = (model / "config.json").read_text()
        old = json.loads(config)[field]
        (model / "config.json").write_text(re.sub(rf'"{field}": {old}', f'"{field}": {old * 10**6}', config))
        with pytest.raises(ModelError, match=r"config\.json asks for at least \d+ weights"):
            load(model)
