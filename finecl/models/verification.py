"""Checks that a saved model is the one that was written: hashes of its files, and its states for two fixed texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from typing_extensions import TypedDict

from finecl.artifacts.files import read_json, write_sealed_json
from finecl.artifacts.outside import Number, Text, Whole, check_record
from finecl.artifacts.provenance import digest
from finecl.errors import FineCLError, ModelError
from finecl.models.encoder import Encoder
from finecl.models.safe_reading import model_files
from finecl.tokens.tokenizer import DocumentTokenizer

VECTOR = "finecl_test_vector.json"  # of an encoder when it was saved, checked on load
_SENTENCE = "Marie Curie was born in Warsaw ."
_LONGEST, _EVERY, _VALUES = 512, 16, 8  # sub-words of the long text; of its states, every 16th is stored
_TOLERANCE = 1e-3


class Vector(TypedDict):
    """Token ids of a text, and the first values of some of its states."""

    input_ids: list[Whole]
    states: list[list[Number]]


class Verification(TypedDict):
    """Content of ``finecl_test_vector.json``."""

    files: dict[Text, Text]
    short: Vector
    long: Vector


def file_hashes(directory: Path, files: Iterable[Path]) -> dict[str, str]:
    """Returns the SHA-256 of files in a directory, by their paths in it."""
    return {path.relative_to(directory).as_posix(): digest(path) for path in files}


def check_hashes(directory: Path, hashes: Mapping[str, str]) -> None:
    """Raises ModelError if a file is missing from a directory or has another hash."""
    for name, expected in hashes.items():
        path = directory / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_file() or digest(path) != expected:
            raise ModelError(f"{path}: is missing or was changed since the model was saved; restore it")


def write_verification(directory: Path, vectors: Mapping[str, Any]) -> None:
    """Writes the hashes of a saved encoder's files, and ``vectors``, those of ``test_vectors``."""
    files = [path for path in model_files(str(directory)) if path.name != VECTOR]
    write_sealed_json(directory / VECTOR, {"files": file_hashes(directory, files), **vectors})


def read_verification(directory: Path) -> dict[str, Any]:
    """Reads what ``write_verification`` wrote, and checks the files; empty if it wrote nothing.

    Raises:
        ModelError: the record is invalid, or a file was changed.
    """
    path = directory / VECTOR
    try:
        record = read_json(path)
    except FineCLError as error:
        raise ModelError(str(error)) from None
    if record:
        check_record(record, Verification, str(path), ModelError, "save the encoder again, or remove this file")
        check_hashes(directory, record["files"])
    return record


def test_vectors(encoder: Encoder, tokenizer: DocumentTokenizer) -> dict[str, Any]:
    """Returns the ids of a sentence and of a text as long as the encoder reads, and values of their states, float32."""
    sentence = tokenizer.encode(_SENTENCE)
    reach = min(_LONGEST, encoder.longest or _LONGEST) - tokenizer.max_length + tokenizer.room
    text = (sentence * math.ceil(reach / len(sentence)))[:reach]
    return {
        name: _vector(encoder, tokenizer.framed(ids), every)
        for name, ids, every in (("short", sentence, 1), ("long", text, _EVERY))
    }


def _vector(encoder: Encoder, ids: list[int], every: int) -> Vector:
    was_training = encoder.training
    encoder.eval()
    model: Any = encoder.model
    encoder.attend_as_saved("sdpa")  # a single document needs no packing
    with torch.no_grad():
        input_ids = torch.tensor([ids], device=encoder.precision.device)
        states = model.base_model(input_ids=input_ids).last_hidden_state[0]
    encoder.attend_as_saved()
    encoder.train(was_training)
    return {"input_ids": ids, "states": states[::every, :_VALUES].float().cpu().tolist()}


def verify(encoder: Encoder, tokenizer: DocumentTokenizer, directory: Path) -> None:
    """Checks that all weights are finite, and compares the encoder with the test vectors in its directory, if any.

    Raises:
        ModelError: a weight is not finite; a file was changed; or the states differ by more than 1e-3, so that a
            library computes something else.
    """
    check_finite(encoder, str(directory))
    stored = read_verification(directory)
    if not stored:
        return
    computed = test_vectors(encoder, tokenizer)
    for name in ("short", "long"):
        difference = _difference(stored[name], computed[name])
        if not difference <= _TOLERANCE:  # also where it is NaN
            raise ModelError(
                f"{directory}: the encoder does not reproduce its test vector (off by {difference:.2g}); save it again"
            )


def _difference(stored: Vector, computed: Vector) -> float:
    if stored["input_ids"] != computed["input_ids"]:
        return math.inf
    ours, theirs = computed["states"], stored["states"]
    if [len(row) for row in ours] != [len(row) for row in theirs]:
        return math.inf
    return (torch.tensor(theirs) - torch.tensor(ours)).abs().max().item()


def check_finite(module: nn.Module, where: str) -> None:
    """Raises ModelError if a parameter of a model holds NaN or infinity."""
    for name, tensor in module.named_parameters():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"'{where}': expected finite weights, got NaN or infinity in {name}; use another model")
