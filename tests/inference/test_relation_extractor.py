"""RelationExtractor: its results do not depend on batching; its options."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

import finecl
from finecl import registry as plugins
from finecl.config.schema import ModelSettings
from finecl.errors import ModelError, SettingsError
from finecl.extraction.prediction import predict_logits
from finecl.inference.relation_extractor import RelationExtractor
from finecl.inference.triples import Triple
from finecl.models.extractor import load_extractor
from finecl.types import Document
from tests.helpers import extractors, tiny

KINDS = ("bilinear", "markers", "adaptive", "ssan", "cnn")


@pytest.fixture(scope="module")
def directories(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    at = tmp_path_factory.mktemp("extractors")
    return {kind: extractors.save(at / kind, models["bert"], kind) for kind in KINDS}


def load(directory: Path, **settings: Any) -> RelationExtractor:
    return RelationExtractor.from_pretrained(directory, precision="float32", device="cpu", **settings)


def same(actual: Sequence[Sequence[Triple]], expected: Sequence[Sequence[Triple]]) -> None:
    """Asserts that both hold the same triples, with scores that differ only by rounding."""
    assert len(actual) == len(expected)
    for actual_triples, expected_triples in zip(actual, expected, strict=True):
        first, second = (
            {(t.head, t.tail, t.relation): t for t in triples} for triples in (actual_triples, expected_triples)
        )
        assert first.keys() == second.keys()
        for key, triple in first.items():
            assert triple.score == pytest.approx(second[key].score, abs=5e-5)
            assert triple.probability == pytest.approx(second[key].probability, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_batches_or_order(kind: str, directories: dict[str, Path]) -> None:
    documents = tiny.documents(9, seed=2)
    extractor = load(directories[kind])
    batched = extractor(documents, threshold=0.0)
    assert sum(map(len, batched)) > 20
    same(batched, [extractor(document, threshold=0.0) for document in documents])
    same(batched[::-1], extractor(documents[::-1], threshold=0.0))
    same(batched, load(directories[kind], max_tokens=1)(documents, threshold=0.0))
    same(batched, list(extractor.stream(iter(documents), threshold=0.0, chunk=2)))


@pytest.mark.parametrize("kind", ["bilinear", "ssan", "adaptive"])
def test_scores_are_those_of_the_training_batches(kind: str, directories: dict[str, Path], tmp_path: Path) -> None:
    documents = tiny.documents(6, seed=4)
    settings = ModelSettings(name="", max_length=64, precision="float32", device="cpu")
    saved = load_extractor(directories[kind], plugins.load(), settings)
    data = tiny.labelled(documents, saved.tokenizer, tmp_path)
    expected: dict[tuple[int, int, int, str], float] = {}
    for numbers, pairs, logits_PR, _ in predict_logits(saved.extractor, data, np.arange(6), every_pair=True):
        scores_PR = saved.extractor.scores(logits_PR.float()).tolist()
        columns = (numbers[pairs.document_P].tolist(), pairs.head_P.tolist(), pairs.tail_P.tolist(), scores_PR)
        for document, head, tail, scores in zip(*columns, strict=True):
            expected |= {(document, head, tail, r): s for r, s in zip(extractors.RELATIONS, scores, strict=True)}
    triples = load(directories[kind])(documents, threshold=0.0)
    actual = {(d, t.head, t.tail, t.relation): t.score for d, found in enumerate(triples) for t in found}
    assert actual == pytest.approx(expected, abs=5e-5)
    predicted = sum(score >= 0.5 for score in expected.values())
    if kind == "bilinear":  # its threshold is 0.5
        assert 0 < predicted < len(expected)
        assert sum(map(len, load(directories[kind])(documents))) == predicted


def test_thresholds_of_single_relations_are_applied(models: dict[str, Path], tmp_path: Path) -> None:
    documents = tiny.documents(6, seed=4)
    all_triples = [
        t for ts in load(extractors.save(tmp_path / "all", models["bert"]))(documents, threshold=0.0) for t in ts
    ]
    middle = float(np.median([t.score for t in all_triples if t.relation == "P2"]))
    thresholds = {"P0": 0.0, "P1": 2.0}
    extractor = load(extractors.save(tmp_path / "own", models["bert"], thresholds=thresholds, threshold=middle))
    triples = {(t.head, t.tail, t.relation, t.score) for ts in extractor(documents) for t in ts}
    expected = {t for t in all_triples if t.relation == "P0" or (t.relation == "P2" and t.score >= middle)}
    assert triples == {(t.head, t.tail, t.relation, t.score) for t in expected}


def test_a_triple_has_texts_ids_and_names(directories: dict[str, Path]) -> None:
    text = "Curie was born in Gauss . Ada met Curie ."
    entities = [{"mentions": [(0, 5), (34, 39)], "id": "Q7"}, (18, 23)]
    triples = load(directories["bilinear"])(text, entities, threshold=0.0)
    assert {(t.head, t.tail) for t in triples} == {(0, 1), (1, 0)}
    assert [t.score for t in triples] == sorted((t.score for t in triples), reverse=True)
    triple = next(t for t in triples if (t.head, t.relation) == (0, "P0"))
    assert (triple.head_text, triple.head_id, triple.tail_text, triple.tail_id) == ("Curie", "Q7", "Gauss", None)
    assert triple.name == "born in"
    assert Triple(**triple.to_dict()) == triple
    with pytest.raises(dataclasses.FrozenInstanceError):
        triple.score = 0.0


@pytest.mark.parametrize("kind", ["bilinear", "markers", "adaptive"])
def test_probabilities_rise_with_scores_and_lie_between_0_and_1(kind: str, directories: dict[str, Path]) -> None:
    triples = [t for ts in load(directories[kind])(tiny.documents(5), threshold=0.0) for t in ts]
    assert all(0 < t.probability < 1 for t in triples)
    if kind == "bilinear":  # the temperature is 2
        for triple in triples:
            odds = triple.score / (1 - triple.score)
            assert triple.probability == pytest.approx(odds**0.5 / (1 + odds**0.5), abs=1e-4)
    least = float(np.median([t.probability for t in triples]))
    selected = [t for ts in load(directories[kind])(tiny.documents(5), threshold=least) for t in ts]
    assert {dataclasses.astuple(t)[:7] for t in selected} == {
        dataclasses.astuple(t)[:7] for t in triples if t.probability >= least
    }


def test_only_requested_pairs_are_scored(directories: dict[str, Path]) -> None:
    documents = tiny.documents(3, seed=1)
    extractor = load(directories["bilinear"])
    all_triples = extractor(documents, threshold=0.0)
    selected = extractor(documents, threshold=0.0, pairs=[[(0, 1)], [], [(2, 0), (0, 2), (2, 0)]])
    expected = [{(0, 1)}, set(), {(2, 0), (0, 2)}]
    same(selected, [[t for t in ts if (t.head, t.tail) in w] for ts, w in zip(all_triples, expected, strict=True)])
    same(
        [extractor(documents[0], threshold=0.0, pairs=[(1, 0)])],
        [[t for t in all_triples[0] if (t.head, t.tail) == (1, 0)]],
    )
    labelled = extractor(documents, threshold=0.0, pairs="labelled")
    for document, triples in zip(documents, labelled, strict=True):
        assert {(t.head, t.tail) for t in triples} == {(label.head, label.tail) for label in document.labels}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[(0, 0)], []], "two different numbers"),
        ([[(0, 99)], []], "got (0, 99)"),
        ([[(0, 1, 2)], []], "got (0, 1, 2)"),
        ([[(0, 1)]], "got fewer lists than texts"),
        ([[], [], []], "got more lists than texts"),
        ("some", "expected 'all', 'labelled' or a list of (head, tail), got 'some'"),
    ],
)
def test_invalid_pairs_are_refused(pairs: Any, message: str, directories: dict[str, Path]) -> None:
    with pytest.raises(SettingsError) as error:
        load(directories["bilinear"])(tiny.documents(2), pairs=pairs)
    assert message in str(error.value)


def test_a_threshold_is_a_probability(directories: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match=r"from 0 to 1, got 1\.5"):
        load(directories["bilinear"])(tiny.documents(1), threshold=1.5)


def _windowed(models: dict[str, Path], tmp_path: Path) -> tuple[RelationExtractor, RelationExtractor]:
    """Returns the same extractor with maximum lengths of 64 and 20 sub-words."""
    far = extractors.save(tmp_path / "far", models["bert"], max_length=64)
    near = extractors.save(tmp_path / "near", models["bert"], max_length=20)
    return load(far), load(near)


def test_unneeded_windows_change_nothing(models: dict[str, Path], tmp_path: Path) -> None:
    far, near = _windowed(models, tmp_path)
    document = tiny.document("short", ["Ada met Curie in the house"], ["Ada", "Curie"])
    same([far(document, threshold=0.0)], [near(document, threshold=0.0)])


def test_a_pair_gets_the_score_of_its_best_window(models: dict[str, Path], tmp_path: Path) -> None:
    _, near = _windowed(models, tmp_path)
    reach = near.tokenizer.max_length - 2
    words = ["was", "the", "of", "Ada", "met", "Curie", "in", "of", *["the"] * 8, "born", "house", *["of"] * 8, "river"]
    long = tiny.document("long", [" ".join(words)], ["Ada", "Curie"])
    ids = near.tokenizer.encode(" ".join(words))
    assert len(ids) == len(words) > reach  # one sub-word per word, so windows count words
    starts = sorted({*range(0, len(words) - reach, reach // 2), len(words) - reach})
    best: dict[Any, float] = {}
    held = 0
    for start in starts:
        part = words[start : start + reach]
        if "Ada" in part and "Curie" in part:
            held += 1
            for t in near(tiny.document("part", [" ".join(part)], ["Ada", "Curie"]), threshold=0.0):
                key = (t.head, t.tail, t.relation)
                best[key] = max(best.get(key, -1.0), t.score)
    assert held >= 1
    scores = {(t.head, t.tail, t.relation): t.score for t in near(long, threshold=0.0)}
    assert scores == pytest.approx(best, abs=1e-5)
    again = ["Ada", "met", "Curie", *["the"] * 12, "Ada", "was", "Curie", *["of"] * 9]
    twice = near(tiny.document("twice", [" ".join(again)], ["Ada", "Curie"]), threshold=0.0)
    assert len(twice) == len({(t.head, t.tail, t.relation) for t in twice}) == 2 * len(extractors.RELATIONS)


def test_mentions_too_far_apart_for_any_window_give_no_triple(models: dict[str, Path], tmp_path: Path) -> None:
    far, near = _windowed(models, tmp_path)
    document = tiny.document("wide", [" ".join(["Ada", *["the"] * 30, "Curie"])], ["Ada", "Curie"])
    assert near(document, threshold=0.0) == []
    assert len(far(document, threshold=0.0)) == 2 * len(extractors.RELATIONS)


def test_marked_sentences_score_pairs_within_a_sentence_and_predict_one_relation(directories: dict[str, Path]) -> None:
    document = tiny.document("two", ["Ada met Curie .", "Darwin was in Ada ."], ["Ada", "Curie", "Darwin"])
    results = load(directories["markers"])(document, threshold=0.0)
    assert {(t.head, t.tail) for t in results} == {(0, 1), (1, 0), (0, 2), (2, 0)}
    assert len(results) == 4
    likely = load(directories["markers"])(tiny.documents(8))
    assert all(t.score > 0 for triples in likely for t in triples)


def test_type_constraints_filter_where_both_types_are_known(directories: dict[str, Path]) -> None:
    plain = tiny.document("t", ["Ada met Curie in Gauss"], ["Ada", "Curie", "Gauss"])
    extractor = load(directories["bilinear"])
    known = extractor(extractors.typed(plain, ["PER", "LOC", None]), threshold=0.0, type_constraints=True)
    by_pair: dict[tuple[int, int], set[str]] = {}
    for triple in known:
        by_pair.setdefault((triple.head, triple.tail), set()).add(triple.relation)
    relations = set(extractors.RELATIONS)
    assert by_pair == {(0, 1): {"P0"}, (0, 2): relations, (2, 0): relations, (1, 2): relations, (2, 1): relations}
    stranger = extractor(extractors.typed(plain, ["PERSON", "GPE", None]), threshold=0.0, type_constraints=True)
    assert len(stranger) == 6 * len(extractors.RELATIONS)
    constraints = {"P1": [("LOC", "PER")], "P0": [("PER", "PER")]}
    chosen = extractor(extractors.typed(plain, ["PER", "LOC", "PER"]), threshold=0.0, type_constraints=constraints)
    assert {(t.head, t.tail, t.relation) for t in chosen} == {(0, 2, "P0"), (2, 0, "P0"), (1, 0, "P1"), (1, 2, "P1")}


def test_constraints_select_the_next_best_relation_of_a_marked_sentence(directories: dict[str, Path]) -> None:
    extractor = load(directories["markers"])
    document = extractors.typed(tiny.document("t", ["Ada met Curie"], ["Ada", "Curie"]), ["PER", "LOC"])
    free = {(t.head, t.tail): t.relation for t in extractor(document, threshold=0.0)}
    other = next(r for r in extractors.RELATIONS if r != free[0, 1])
    bound = extractor(document, threshold=0.0, type_constraints={other: [("PER", "LOC")]})
    assert [(t.head, t.tail, t.relation) for t in bound] == [(0, 1, other)]


def test_constraints_need_types_in_training(models: dict[str, Path], tmp_path: Path) -> None:
    extractor = load(extractors.save(tmp_path / "untyped", models["bert"], type_triples=[]))
    with pytest.raises(SettingsError, match="fine-tuned on typed entities"):
        extractor(tiny.documents(1), type_constraints=True)


class Capitals:
    """Recognises every capitalised word; words with the same name are one entity."""

    def find(self, documents: Any) -> Iterator[Document]:
        for document in documents:
            names = dict.fromkeys(w for s in document.sentences for w in s if w[:1].isupper())
            yield tiny.document(document.title, [" ".join(s) for s in document.sentences], list(names))


def test_a_recogniser_finds_missing_entities(directories: dict[str, Path]) -> None:
    extractor = load(directories["bilinear"], ner=Capitals())
    texts = ["Ada met Curie in Gauss", "nobody was there", "Ada was Gauss"]
    results = extractor(texts, [None, None, [(0, 3), (8, 13)]], threshold=0.0)
    assert [len(triples) for triples in results] == [18, 0, 6]
    assert {t.head_text for t in results[0]} == {"Ada", "Curie", "Gauss"}


def test_the_names_of_a_triple_file_are_found(directories: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "facts.tsv").write_text("Ada\tknows\tCurie\n")
    extractor = load(directories["bilinear"], ner=f"names:{tmp_path / 'facts.tsv'}")
    assert {(t.head_text, t.tail_text) for t in extractor("Curie met Ada.", threshold=0.0)} == {
        ("Curie", "Ada"),
        ("Ada", "Curie"),
    }


def test_a_spacy_pipeline_finds_entities(directories: dict[str, Path], tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed: pip install 'finecl[spacy]'")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns(
        [{"label": "PER", "pattern": "Ada"}, {"label": "LOC", "pattern": "Gauss"}]
    )
    pipeline.to_disk(tmp_path / "pipeline")
    extractor = load(directories["bilinear"], ner=f"spacy:{tmp_path / 'pipeline'}")
    triples = extractor("Ada was born in Gauss.", threshold=0.0, type_constraints=True)
    assert [(t.head_text, t.relation, t.tail_text) for t in triples] == [("Ada", "P0", "Gauss")]


def test_an_unknown_recogniser_gives_one_line(directories: dict[str, Path]) -> None:
    with pytest.raises(
        SettingsError,
        match=r"ner: expected NAME:SOURCE, such as spacy:PIPELINE .*, got 'flair'; known: gliner, names, spacy, ",
    ):
        load(directories["bilinear"], ner="flair")


def test_data_sets_and_no_documents(directories: dict[str, Path]) -> None:
    extractor = load(directories["bilinear"])
    rows = datasets.Dataset.from_list(
        [{"text": "Ada met Curie", "entities": [{"start": 0, "end": 3}, {"start": 8, "end": 13}]}] * 3
    )
    results = extractor(rows, threshold=0.0)
    assert [len(triples) for triples in results] == [6, 6, 6]
    assert extractor([]) == []
    assert extractor("Ada met Curie", [(0, 3)]) == []


def test_a_run_directory_gives_its_variants(models: dict[str, Path], tmp_path: Path) -> None:
    extractors.save(tmp_path / "run" / "extractor" / "pretrained", models["bert"])
    extractors.save(tmp_path / "run" / "extractor" / "plain", models["bert"], "markers")
    assert not load(tmp_path / "run").marked
    assert load(tmp_path / "run", variant="plain").marked
    with pytest.raises(ModelError, match="its variants are: plain, pretrained"):
        load(tmp_path / "run", variant="other")


def test_paths_without_an_extractor_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run `finecl finetune` on a run first"):
        load(tmp_path)
    with pytest.raises(ModelError, match="expected a directory or OWNER/NAME on the Hugging Face hub"):
        load(tmp_path / "not" / "there" / "at-all")


def test_a_missing_name_on_the_hub_gives_one_line() -> None:
    with pytest.raises(ModelError) as error:  # HF_HUB_OFFLINE is set for all tests
        load("someone/some-extractor")  # type: ignore[arg-type]
    assert "cannot read the extractor 'someone/some-extractor': no such directory, and the hub says" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_snapshot_of_the_hub_is_read_as_a_directory(
    directories: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    requested = []

    def snapshot(name: str, revision: str | None) -> str:
        requested.append((name, revision))
        return str(directories["bilinear"])

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    extractor = load("someone/some-extractor", revision="v1")  # type: ignore[arg-type]
    assert requested == [("someone/some-extractor", "v1")]
    assert extractor.relations == list(extractors.RELATIONS)


def test_it_is_a_public_name_and_does_not_change_random_state(directories: dict[str, Path]) -> None:
    assert finecl.RelationExtractor is RelationExtractor
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = finecl.Nothing
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    load(directories["bilinear"])
    assert torch.equal(torch.rand(2), expected)


def test_an_unknown_backend_or_batch_size(directories: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="expected torch or onnx, got 'jax'"):
        load(directories["bilinear"], backend="jax")
    with pytest.raises(SettingsError, match="max_tokens: expected at least 1, got 0"):
        load(directories["bilinear"], max_tokens=0)
