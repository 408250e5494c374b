"""Sharing extractors: saved directories, uploads and model cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from finecl import registry as plugins
from finecl.errors import ModelError
from finecl.inference.relation_extractor import RelationExtractor
from finecl.models.card import model_card, write_cards
from tests.helpers import extractors, tiny

RECORD = {
    "name": "mine",
    "seed": 7,
    "settings": {"method": "finecl", "model": {"name": "someone/bert"}, "pretrain": {"max_steps": 12}},
    "method": {"name": "finecl", "scorer": "learning-order", "weighting": "exp"},
    "data": {"silver": {"documents": 14, "instances": 30}},
    "versions": {"finecl": "0.1.0", "torch": "2.13.0"},
    "commit": "abc123",
}
METRICS = {
    "score": {"noise_auroc": 0.856, "silver_accuracy": 0.5, "seconds": 3.0},
    "finetune": {"pretrained": {"epoch": 5}},
    "evaluate": {"pretrained": {"f1": 0.5439, "ece": 0.0123}, "plain": {"f1": 0.4}},
}


@pytest.fixture
def run(models: dict[str, Path], tmp_path: Path) -> Path:
    """A run directory with the files that model cards use."""
    at = tmp_path / "run"
    extractors.save(at / "extractor" / "pretrained", models["bert"])
    extractors.save(at / "extractor" / "plain", models["bert"])
    (at / "encoder").mkdir()
    (at / "run.json").write_text(json.dumps(RECORD))
    (at / "metrics.json").write_text(json.dumps(METRICS))
    return at


def test_a_card_states_training_data_and_citations() -> None:
    card = model_card(RECORD, METRICS, plugins.load(), kind="encoder", license="apache-2.0")
    front = card.split("---")[1]
    assert "license: apache-2.0" in front
    assert "base_model: someone/bert" in front
    assert "library_name: transformers" in front
    for row in (
        "| noise scorer | learning-order |",
        "| weighting | exp |",
        "| objectives | 1 * entity-discrimination, 1 * relation-discrimination |",
        "| silver | 14 documents, 30 labels |",
        "| noise auroc | 0.856 |",
        "| F1, percent | 54.39 |",
        "| calibration error, percent | 1.23 |",
        "| torch | 2.13.0 |",
        "| commit | abc123 |",
    ):
        assert row in card, row
    assert "method `finecl`: Hogan, Li and Shang." in card
    assert "objective `relation-discrimination`: Qin et al." in card
    assert "The weights are under `apache-2.0`" in card


def metadata(card: str) -> dict[str, Any]:
    front: dict[str, Any] = ModelCard(card).data.to_dict()  # type: ignore[no-untyped-call]
    return front


def test_the_metadata_of_a_card_are_read_by_the_hub_library() -> None:
    data = {"name": "demo", "silver": "owner/silver:train", "test": "gold/test.json", "gold": None}
    record = RECORD | {"settings": RECORD["settings"] | {"data": data}}  # type: ignore[operator]
    front = metadata(model_card(record, METRICS, plugins.load(), kind="extractor"))
    assert front["base_model"] == "someone/bert"
    assert front["datasets"] == ["owner/silver"]
    assert front["metrics"] == ["f1"]
    assert "language" not in front
    (entry,) = front["model-index"]
    assert entry["name"] == "mine"
    (result,) = entry["results"]
    assert result["dataset"] == {"name": "test", "type": "test", "split": "test"}
    assert result["metrics"] == [{"type": "f1", "value": 54.39}]
    encoder = metadata(model_card(record, METRICS, plugins.load(), kind="encoder"))
    assert {"metrics", "model-index"}.isdisjoint(encoder)


def test_the_built_in_corpus_is_english_and_the_default_encoder_has_a_name_on_the_hub() -> None:
    settings = {"model": {"name": "minilm"}, "data": {"name": "demo"}}
    front = metadata(model_card(RECORD | {"settings": settings}, METRICS, plugins.load(), kind="extractor"))
    assert (front["language"], front["base_model"]) == ("en", "sentence-transformers/all-MiniLM-L6-v2")
    assert "datasets" not in front


def test_a_card_leaves_out_unknown_values() -> None:
    card = model_card({}, {}, plugins.load(), kind="extractor")
    assert "license:" not in card
    assert "No licence is stated for the weights." in card
    assert "## Results" not in card
    assert "None |" not in card


def test_a_card_names_the_objectives_of_the_settings() -> None:
    settings = RECORD["settings"] | {"objectives": ["0.5*relation-discrimination"]}  # type: ignore[operator]
    card = model_card(RECORD | {"settings": settings}, METRICS, plugins.load(), kind="encoder")
    assert "| objectives | 0.5 * relation-discrimination |" in card
    assert "entity-discrimination" not in card


def test_a_run_gets_a_card_for_each_model(run: Path) -> None:
    write_cards(run, plugins.load())
    assert "AutoModel.from_pretrained" in (run / "encoder" / "README.md").read_text()
    pretrained, plain = ((run / "extractor" / name / "README.md").read_text() for name in ("pretrained", "plain"))
    assert "| F1, percent | 54.39 |" in pretrained
    assert "| F1, percent | 40.00 |" in plain
    assert "| relations | P0, P1, P2 |" in pretrained


def test_a_saved_extractor_gives_the_same_results_and_keeps_its_records(run: Path, tmp_path: Path) -> None:
    documents = tiny.documents(4)
    extractor = RelationExtractor.from_pretrained(run, device="cpu")
    at = extractor.save_pretrained(tmp_path / "saved", license="mit")
    assert RelationExtractor.from_pretrained(at, device="cpu")(documents) == extractor(documents)
    card = (at / "README.md").read_text()
    assert "license: mit" in card
    assert "| F1, percent | 54.39 |" in card
    assert "AutoModel" in (at / "encoder" / "README.md").read_text()
    again = RelationExtractor.from_pretrained(at, device="cpu").save_pretrained(tmp_path / "again", license="mit")
    assert (again / "README.md").read_text() == card
    extractor.save_pretrained(at)
    assert "license:" not in (at / "README.md").read_text()


def test_unrelated_directories_are_not_overwritten(run: Path, tmp_path: Path) -> None:
    extractor = RelationExtractor.from_pretrained(run, device="cpu")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(ModelError, match="new or empty directory, or an extractor to replace"):
        extractor.save_pretrained(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "words"
    with pytest.raises(ModelError, match="another directory than the extractor's own"):
        extractor.save_pretrained(run / "extractor" / "pretrained")


class Hub:
    """A hub that records uploads."""

    sent: dict[str, Any]
    fails = False

    def __init__(self) -> None:
        Hub.sent = {}

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> str:
        Hub.sent |= {"private": private, "exist_ok": exist_ok}
        return f"https://hub/{repo_id}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        if Hub.fails:
            raise OSError("401 Unauthorized\nmore")
        files = sorted(str(p.relative_to(folder_path)) for p in Path(folder_path).rglob("*") if p.is_file())
        Hub.sent |= {"repo": repo_id, "files": files, "card": (Path(folder_path) / "README.md").read_text()}


def test_an_upload_holds_the_saved_files(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    extractor = RelationExtractor.from_pretrained(run, device="cpu")
    assert extractor.push_to_hub("me/mine", private=True) == "https://hub/me/mine"
    assert (Hub.sent["repo"], Hub.sent["private"], Hub.sent["exist_ok"]) == ("me/mine", True, True)
    expected = {"README.md", "extractor.json", "head.safetensors", "encoder/config.json", "encoder/README.md"}
    assert expected | {"finecl_run.json", "finecl_metrics.json"} <= set(Hub.sent["files"])
    assert "54.39" in Hub.sent["card"]


def test_an_error_of_the_hub_gives_one_line(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr(Hub, "fails", True)
    with pytest.raises(ModelError, match=r"^cannot upload to 'me/mine': 401 Unauthorized$"):
        RelationExtractor.from_pretrained(run, device="cpu").push_to_hub("me/mine")
