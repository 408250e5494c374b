"""Every method, scorer and input format runs from silver labels to an encoder that transformers loads."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from finecl_formats.jsonl import JSONLines
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from finecl import registry
from finecl.types import Document
from tests.end_to_end.conftest import Finecl, Small

METHODS = sorted(registry.load().parts("method"))
PARTNERS = [
    ("--scorer", "area-under-margin", "--weighting", "linear"),
    ("--scorer", "knn", "--weighting", "hard"),
    ("--scorer", "softmax-confidence", "--weighting", "confidence"),
    ("--scorer", "ensemble", "--weighting", "rank"),
    ("--scorer", "confident-learning", "--weighting", "exp", "--set", "proxy.folds=2"),
]


def metrics_of(directory: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((directory / "metrics.json").read_text())
    return metrics


@pytest.mark.parametrize("method", METHODS)
def test_every_method_pre_trains_an_encoder_that_transformers_loads(
    method: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    directory, silver = tmp_path / "run", small.documents["silver"]
    again = [replace(document, title=f"again {document.title}") for document in silver]  # for MTB: no pair occurs twice
    twice = small.copy(tmp_path / "data", silver=[*silver, *again])
    result = finecl(*twice.arguments(directory, pretrain__batch_size=8), "--method", method)
    assert result.code == 0, result.err
    pretrain = metrics_of(directory)["pretrain"]
    objectives = registry.load().part("method", method).factory.objectives
    for _, name in objectives:
        assert any(value is not None for value in pretrain["loss"][name]), name
    tokenizer = AutoTokenizer.from_pretrained(directory / "encoder")
    states = AutoModel.from_pretrained(directory / "encoder")(**tokenizer("Ada met Zoe", return_tensors="pt"))
    assert states.last_hidden_state.isfinite().all()


@pytest.mark.parametrize("chosen", PARTNERS, ids=lambda chosen: chosen[1])
def test_scorers_and_weightings_combine(chosen: tuple[str, ...], small: Small, tmp_path: Path, finecl: Finecl) -> None:
    if "confident-learning" in chosen:
        pytest.importorskip("cleanlab", reason="the extra cleanlab is not installed")
    directory = tmp_path / "run"
    result = finecl(*small.arguments(directory), *chosen, "--stop-after", "pretrain")
    assert result.code == 0, result.err
    score = metrics_of(directory)["score"]
    assert score["scorer"] == chosen[1]
    assert 0 <= score["noise_auroc"] <= 1
    trained = "proxy_train_seconds" in score
    assert trained == (chosen[1] in ("area-under-margin", "ensemble"))  # others need no dynamics
    assert len(set(pq.read_table(directory / "scores.parquet")["noise"].to_pylist())) > 2


def test_objectives_and_text_are_flags(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    directory = tmp_path / "run"
    chosen = ("--objectives", "0.5*relation-contrast,relation-discrimination", "--input-format", "marked-sentences")
    result = finecl(*small.arguments(directory, pretrain__batch_size=8), *chosen, "--stop-after", "pretrain")
    assert result.code == 0, result.err
    assert set(metrics_of(directory)["pretrain"]["loss"]) == {"relation-contrast", "relation-discrimination", "mlm"}
    result = finecl(*small.arguments(tmp_path / "other"), "--input-format", "marked-sentences")
    assert "'entity-discrimination' contrasts the entities of a document, of which a marked" in result.error_line()
    result = finecl(*small.arguments(tmp_path / "other"), "--objectives", "x*relation-contrast")
    assert "objectives: expected NAME or COEFFICIENT*NAME with a number above 0" in result.error_line()


def test_cp_also_takes_documents(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    directory = tmp_path / "run"
    result = finecl(
        *small.arguments(directory, pretrain__batch_size=8), "--method", "cp", "--input-format", "documents",
        "--stop-after", "pretrain",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert any(v is not None for v in metrics_of(directory)["pretrain"]["loss"]["relation-contrast"])


def sentences(documents: tuple[Document, ...]) -> list[Document]:
    """Returns documents of one sentence with two entities and one label, cut from documents."""
    single_sentences = []
    for document in documents:
        for number, label in enumerate(document.labels):
            pair = [document.entities[label.head], document.entities[label.tail]]
            both = {m.sentence for m in pair[0].mentions} & {m.sentence for m in pair[1].mentions}
            if not both or label.head == label.tail:
                continue
            at = min(both)
            mentions = [next(m for m in e.mentions if m.sentence == at) for e in pair]
            moved = tuple(replace(e, mentions=(replace(m, sentence=0),)) for e, m in zip(pair, mentions, strict=True))
            title, labels = f"{document.title} {number}", (replace(label, head=0, tail=1, evidence=()),)
            single_sentences.append(
                Document(title=title, sentences=(document.sentences[at],), entities=moved, labels=labels)
            )
    return single_sentences


def test_sentences_are_scored_and_extracted_with_markers(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    splits = {split: sentences(documents) for split, documents in small.documents.items()}
    single = small.copy(tmp_path / "data", **splits)
    directory = tmp_path / "run"
    chosen = {"proxy__extractor": "markers", "finetune__extractor": "markers", "pretrain__batch_size": 8}
    result = finecl(*single.arguments(directory, **chosen), "--method", "cp", "--scorer", "learning-order")
    assert result.code == 0, result.err
    metrics = metrics_of(directory)
    assert 0 <= metrics["evaluate"]["pretrained"]["f1"] <= 1
    predictions = json.loads((directory / "predictions" / "pretrained.json").read_text())
    by_sentence = [(fact["title"], fact["h_idx"], fact["t_idx"]) for fact in predictions]
    assert len(by_sentence) == len(set(by_sentence))
    assert {pair[1:] for pair in by_sentence} <= {(0, 1)}


def test_a_markers_proxy_scores_documents_by_their_sentences(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    directory = tmp_path / "run"
    result = finecl(*small.arguments(directory, proxy__extractor="markers"), "--stop-after", "score")
    assert result.code == 0, result.err
    learned = pq.read_table(directory / "scores.parquet")
    assert learned.num_rows == sum(len(d.labels) for d in small.documents["silver"])


def test_type_matched_negatives_and_masked_mentions_change_scores(
    small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl
) -> None:
    results = {}
    for name, settings in {
        "matched": {"proxy__no_relation": "type-matched"},
        "types": {"proxy__mentions": "type"},
        "blanks": {"proxy__mentions": "blank"},
    }.items():
        answer = finecl(*small.arguments(tmp_path / name, **settings), "--stop-after", "score")
        assert answer.code == 0, answer.err
        results[name] = pq.read_table(tmp_path / name / "scores.parquet")["margin_mean"].to_pylist()
    results["plain"] = pq.read_table(finished_run / "scores.parquet")["margin_mean"].to_pylist()
    assert len({tuple(margins) for margins in results.values()}) == 4


def test_two_runs_are_compared_by_learning_order(
    small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl
) -> None:
    other = tmp_path / "other"
    assert finecl(*small.arguments(other, proxy__learning_rate=3e-3), "--stop-after", "score").code == 0
    result = finecl("compare-orders", finished_run, other, "--json")
    similarity = json.loads(result.out)
    assert similarity["instances"] == pq.read_table(other / "scores.parquet").num_rows
    assert len(similarity["of_learned"]) <= 2
    assert all(0 <= value <= 1 for value in [*similarity["of_learned"], *similarity["of_epochs"]])
    assert json.loads(finecl("compare-orders", other, other, "--json").out)["of_epochs"][-1] == 1.0
    assert "learned" in finecl("compare-orders", finished_run, other).out


def test_one_flag_selects_the_behaviour_of_the_release(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    directory = tmp_path / "run"
    arguments = small.arguments(directory, model__precision="float32")  # in which the proxy learns enough labels
    result = finecl(*arguments, "--compat", "release", "--stop-after", "pretrain")
    assert result.code == 0, result.err
    score = metrics_of(directory)["score"]
    assert score["scorer_settings"]["multi_label"] == "sample"
    assert score["scorer_settings"]["floor"] == 0.0
    weights = pq.read_table(directory / "scores.parquet")
    never = [n == float("inf") for n in weights["noise"].to_pylist()]
    assert all((w == 0) == n for w, n in zip(weights["weight"].to_pylist(), never, strict=True))


@pytest.fixture(scope="module")
def real_gold(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty documents of Re-DocRED as JSONL."""
    at = tmp_path_factory.mktemp("real") / "gold.jsonl"
    format = registry.load().create("format", "docred", {})
    JSONLines().write(itertools.islice(format.read(data_dir / "redocred" / "test_revised.json"), 30), at)
    return at


@pytest.mark.parametrize("method", METHODS)
def test_every_method_pre_trains_on_real_data(
    method: str, small: Small, data_dir: Path, real_gold: Path, tmp_path: Path, finecl: Finecl
) -> None:
    """Runs document methods on Re-DocRED, marked-sentence methods on FewRel, and MTB on the sentences of Re-DocRED.

    In FewRel no entity pair occurs twice.
    """
    marked = registry.load().part("method", method).factory.input_format == "marked-sentences"
    silver = data_dir / "fewrel" / "val_wiki.json" if marked else real_gold
    silver = data_dir / "redocred" / "dev_revised.json" if method == "mtb" else silver
    directory = tmp_path / "run"
    settings = {
        "data.silver": silver,
        "data.gold": real_gold,
        "model.name": small.model,
        "proxy.num_train_epochs": 1,
        "pretrain.batch_size": 32,
        "pretrain.max_steps": 2,
        "finetune.num_train_epochs": 1,
    }
    options = [f"--set={key}={value}" for key, value in settings.items()]
    result = finecl("train", "--quiet", "--output-dir", directory, "--method", method,
                  "--stop-after", "pretrain", *options)  # fmt: skip
    assert result.code == 0, result.err
    losses = metrics_of(directory)["pretrain"].get("loss", {})
    for _, name in registry.load().part("method", method).factory.objectives:
        assert any(value is not None for value in losses[name]), name
    assert AutoModel.from_pretrained(directory / "encoder").config.hidden_size == 32


def test_finecl_with_equal_scores_is_erica(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    """Compares encoder weights to 1e-6: with a table of equal scores every label has weight 1."""
    scored = tmp_path / "scored"
    assert finecl(*small.arguments(scored), "--stop-after", "score").code == 0
    uids = pq.read_table(scored / "scores.parquet")["uid"].to_pylist()
    (tmp_path / "equal.csv").write_text("uid,score\n" + "".join(f"{uid},1\n" for uid in uids))
    equal = ("--scorer", "file", "--set", f"scorer.path={tmp_path / 'equal.csv'}")
    for name, chosen in {"finecl": equal, "erica": ("--method", "erica")}.items():
        result = finecl(*small.arguments(tmp_path / name), *chosen, "--stop-after", "pretrain")
        assert result.code == 0, result.err
    one, other = (load_file(tmp_path / name / "encoder" / "model.safetensors") for name in ("finecl", "erica"))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.allclose(tensor, other[name], atol=1e-6), name
    losses = [metrics_of(tmp_path / name)["pretrain"]["loss"] for name in ("finecl", "erica")]
    assert losses[0] == losses[1]
