"""The calibration from dev is written to extractor.json, the metrics, the report and the model cards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finecl.inference.relation_extractor import RelationExtractor
from tests.end_to_end.conftest import Finecl, Small, finecl, finished_run, small

__all__ = ["finecl", "finished_run", "small"]  # fixtures


def test_temperature_errors_and_types_are_stored(finished_run: Path, small: Small) -> None:
    card = json.loads((finished_run / "extractor" / "pretrained" / "extractor.json").read_text())
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert card["calibration"]["kind"] == "probability"
    assert 0.05 <= card["calibration"]["temperature"] <= 20
    tuned, tested = metrics["finetune"]["pretrained"], metrics["evaluate"]["pretrained"]
    assert tuned["calibration"] == card["calibration"]
    for numbers in (tuned["dev_calibration"], tested):
        assert 0 <= numbers["ece"] <= 1
        assert 0 <= numbers["ece_uncalibrated"] <= 1
    assert "thresholds" not in tuned
    expected = {
        (document.entities[x.head].type, x.relation, document.entities[x.tail].type)
        for document in small.documents["train"]
        for x in document.labels
        if document.entities[x.head].type and document.entities[x.tail].type and x.relation != "no_relation"
    }
    assert {tuple(triple) for triple in card["type_triples"]} == expected
    assert expected
    assert "Calibration error, %" in (finished_run / "report.html").read_text()


def test_a_finished_run_has_model_cards_and_extracts_triples(finished_run: Path, small: Small) -> None:
    card = (finished_run / "extractor" / "pretrained" / "README.md").read_text()
    assert "| noise scorer | learning-order |" in card
    assert "calibration error, percent" in card
    assert "library_name: transformers" in (finished_run / "encoder" / "README.md").read_text()
    extractor = RelationExtractor.from_pretrained(finished_run, device="cpu")
    predicted = json.loads((finished_run / "predictions" / "pretrained.json").read_text())
    documents = small.documents["test"]
    triples_of_documents = extractor(documents)
    extracted = {
        (document.title, t.head, t.tail, t.relation)
        for document, triples in zip(documents, triples_of_documents, strict=True)
        for t in triples
    }
    assert extracted == {(fact["title"], fact["h_idx"], fact["t_idx"], fact["r"]) for fact in predicted}


@pytest.mark.slow
def test_thresholds_of_single_relations(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    result = finecl(*small.arguments(tmp_path / "run", finetune__thresholds="per-relation"))
    assert result.code == 0, result.err
    card = json.loads((tmp_path / "run" / "extractor" / "plain" / "extractor.json").read_text())
    assert set(card["thresholds"]) == set(card["relations"])
    assert len(set(card["thresholds"].values())) > 1
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["finetune"]["plain"]["thresholds"] == card["thresholds"]


def test_marked_sentences_have_no_thresholds_to_choose(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    chosen = {"finetune__extractor": "markers", "finetune__thresholds": "per-relation"}
    message = finecl(*small.arguments(tmp_path / "run", **chosen)).error_line()
    assert "finetune.thresholds: expected global for 'markers', got per-relation" in message
