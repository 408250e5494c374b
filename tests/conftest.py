"""What all tests share: a cache of their own, tiny encoders on disk, and the data sets where they are."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before huggingface_hub reads it: no test may ask the network

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from finecl.config.schema import ModelSettings
from finecl.models.encoder import Encoder
from finecl.models.pretrained import load_encoder
from finecl.tokens.tokenizer import DocumentTokenizer
from tests.helpers import tiny

hypothesis.settings.register_profile("finecl", deadline=None, max_examples=40)
hypothesis.settings.load_profile("finecl")

LoadTiny = Callable[..., tuple[Encoder, DocumentTokenizer]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first: with several workers, one of minutes that came last would leave the others idle."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Tiny matrices are slower on several threads, and other processes want the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache, or hears of the user's choice of plugins."""
    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FINECL_PLUGINS", raising=False)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random two-layer encoder of each family as a Hugging Face directory."""
    at = tmp_path_factory.mktemp("models")
    return {family: tiny.save_model(at / family, family) for family in tiny.FAMILIES}


@pytest.fixture(scope="session")
def load_tiny(models: dict[str, Path]) -> LoadTiny:
    """Loads a tiny encoder anew: ``load_tiny("bert", hidden_dropout=0.0)``; without dropout unless told."""

    def load(family: str = "bert", **settings: object) -> tuple[Encoder, DocumentTokenizer]:
        given = {"precision": "float32", "device": "cpu", "hidden_dropout": 0.0, **settings}
        encoder, tokenizer, _ = load_encoder(ModelSettings(name=str(models[family]), **given))  # type: ignore[arg-type]
        return encoder, tokenizer

    return load


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The directory of the public data sets: FINECL_DATA, else ``../shared/data`` beside the repository."""
    root = Path(__file__).parents[1]
    found = Path(os.environ.get("FINECL_DATA", root / ".." / "shared" / "data")).resolve()
    if not found.is_dir():
        pytest.skip(f"no data sets at {found}: set FINECL_DATA to the directory that holds them")
    return found
