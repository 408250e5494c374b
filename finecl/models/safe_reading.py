"""Reads configurations, weights and tokenizers of Hugging Face models without running code of theirs.

transformers is told everywhere not to run a model's own code. Weights are read from safetensors; pickles, which can
run code when they are read, only if the settings allow them, and then by torch's loader of weights only.
"""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finecl.errors import ModelError

if TYPE_CHECKING:
    from finecl.models.families import Family

LOADING = threading.RLock()
"""Held while a model is loaded: transformers changes torch's defaults meanwhile, for all threads."""
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_CONVERT = (
    "convert it in Python (model = transformers.AutoModelForMaskedLM.from_pretrained(PATH); "
    "model.save_pretrained(PATH)), or set model.allow_pickle = true if you trust its source"
)


def read_config(path: str) -> Any:
    """Returns the configuration of a model; ``path`` is a directory or a hub name.

    Raises:
        ModelError: the model needs code of its own.
    """
    from transformers import AutoConfig

    with _without_code(path):
        return AutoConfig.from_pretrained(path, trust_remote_code=False)


def read_tokenizer(path: str) -> Any:
    """Returns the fast tokenizer of a model; ``path`` is a directory or a hub name.

    Raises:
        ModelError: the tokenizer needs code of its own.
    """
    from transformers import AutoTokenizer

    with _without_code(path):
        return AutoTokenizer.from_pretrained(path, use_fast=True, trust_remote_code=False)


def read_model(
    path: str, config: Any, family: Family, attention: str | None = None, *, allow_pickle: bool = False
) -> Any:
    """Returns a model of a family, and what transformers reports about its weights.

    ``attention`` None: transformers chooses. ``allow_pickle`` also reads ``.bin`` files, where there are no
    safetensors.

    Raises:
        ModelError: the weights are pickles that are not allowed, or that hold more than tensors.
    """
    if not allow_pickle:
        _check_weights(path, config)
    _check_size(path, config, family)
    with _without_code(path), _weights_only(path, allow_pickle=allow_pickle):
        return family.auto_class.from_pretrained(
            path,
            config=config,
            attn_implementation=attention,
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=None if allow_pickle else True,
            weights_only=True,
        )


def model_files(path: str, *, allow_pickle: bool = False) -> list[Path]:
    """Returns the files that reading a model depends on: weights, configuration and tokenizer.

    ``path`` is a directory, or the hub name of a model that was read, whose files are in the hub's cache.
    """
    from transformers.utils import cached_file

    directory = Path(path)
    if not directory.is_dir():
        config = cached_file(path, "config.json", local_files_only=True)
        directory = Path(str(config)).parent
    suffixes = {".safetensors", ".json", ".txt", ".model"} | ({".bin"} if allow_pickle else set())
    return sorted(path for path in directory.glob("*") if path.suffix in suffixes and path.is_file())


def _check_weights(path: str, config: Any) -> None:
    """Refuses pickles, also those that configuration or index name, where ``use_safetensors`` has no effect."""
    directory = Path(path)
    sharded = (directory / _INDEX).is_file() and not (directory / _WEIGHTS).is_file()
    name = str(getattr(config, "transformers_weights", None) or (_INDEX if sharded else _WEIGHTS))
    if name.endswith(".index.json"):
        names = _shards(directory / name)
    else:
        others = [] if (directory / name).is_file() else sorted(file.name for file in directory.glob("*.bin"))
        names = others or [name]
    pickles = [name for name in names if not name.endswith(".safetensors")]
    if pickles:
        raise ModelError(f"'{path}': expected {_WEIGHTS}, found {pickles[0]}, which can run code; {_CONVERT}")


def _check_size(path: str, config: Any, family: Family) -> None:
    """Refuses a configuration of more weights than the files have bytes, before memory for them is taken."""
    files = [file for file in Path(path).glob("*") if file.suffix in (".safetensors", ".bin")]
    width, layers = (_size(path, config, name) for name in ("hidden_size", "num_hidden_layers"))
    inner, vocabulary = (_size(path, config, name) for name in (family.inner, "vocab_size"))
    positions = _size(path, config, "max_position_embeddings") if family.learned_positions else 0
    if config.model_type == "albert":  # its layers share their weights
        layers = min(layers, _size(path, config, "num_hidden_groups"))
    embedding = min(width, int(getattr(config, "embedding_size", width)))
    attention = 4 * width * width if family.learned_positions else 0  # others may have fewer heads of keys
    needed = embedding * (vocabulary + positions) + layers * (attention + 2 * width * inner)
    present = sum(file.stat().st_size for file in files)
    if files and needed > present:
        raise ModelError(
            f"cannot read the model '{path}': config.json asks for at least {needed} weights, but their files have "
            f"{present} bytes: one of them is damaged"
        )


def _size(path: str, config: Any, name: str) -> int:
    value = getattr(config, name, None)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelError(f"'{path}': config.json: {name}: expected a whole number above 0, got {value!r:.40}")
    return value


def _shards(index: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()]
    except FileNotFoundError:  # of a model on the hub
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{index}: expected the names of the files of each weight, got: {error}") from error


@contextmanager
def _without_code(path: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise ModelError(
            f"'{path}': expected a model that transformers can read alone, got one with code of its own (auto_map), "
            "which finecl does not run; choose another model"
        ) from error


@contextmanager
def _weights_only(path: str, *, allow_pickle: bool) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if allow_pickle or "use_safetensors" not in str(error):
            raise
        raise ModelError(f"'{path}' on the hub: expected {_WEIGHTS}, found none; {_CONVERT}") from error
    except (pickle.UnpicklingError, EOFError) as error:
        reason = "the weights are damaged, or hold more than tensors; save them as safetensors"
        raise ModelError(f"cannot read the model '{path}': {reason}") from error
