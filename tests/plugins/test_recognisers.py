"""Recognisers: token classification by a tiny model, GLiNER's interface, names, and one line where one is missing."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from finecl_benchmarks.tiny_encoders import tokenizer_of
from finecl_recognisers.gliner_model import Gliner
from finecl_recognisers.spans import Span, recognised
from finecl_recognisers.token_classification import TokenClassification

from finecl.data.distant.plugin import Names
from finecl.errors import ModelError, PluginError, SettingsError
from finecl.inference.ner import recogniser
from finecl.inference.relation_extractor import RelationExtractor
from finecl.testing import check_recogniser
from finecl.text.words import split_words
from finecl.types import Document, Entity, Mention
from tests.end_to_end.conftest import Finecl, finecl
from tests.helpers import extractors

__all__ = ["finecl"]  # a fixture


def raw(text: str) -> Document:
    return Document(title="a", sentences=split_words(text).sentences, entities=())


def names_of(document: Document) -> list[list[tuple[str, str | None]]]:
    return [[(m.name, m.type) for m in entity.mentions] for entity in document.entities]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny token classifier: sub-words that begin with a, b or c are people, "river" is a place."""
    from transformers import BertConfig, BertForTokenClassification

    at = tmp_path_factory.mktemp("classifier")
    tokenizer = tokenizer_of("bert")
    labels = ("O", "B-PER", "I-PER", "B-LOC")
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=40, id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)},
    )  # fmt: skip
    torch.manual_seed(0)
    model = BertForTokenClassification(config).eval()
    with torch.no_grad():  # the layer adds nothing: the class of a sub-word is in its embedding
        for layer in (model.bert.encoder.layer[0].attention.output, model.bert.encoder.layer[0].output):
            layer.dense.weight.zero_()
            layer.dense.bias.zero_()
        for embedding in (model.bert.embeddings.position_embeddings, model.bert.embeddings.token_type_embeddings):
            embedding.weight.zero_()
        words = model.bert.embeddings.word_embeddings.weight.zero_()
        for token, number in tokenizer.get_vocab().items():
            kind = 3 if token == "river" else 1 if token[:1] in "abc" else 2 if token.startswith("##") else 0
            words[number, 2 * kind], words[number, 2 * kind + 1] = 1.0, -1.0
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
        for kind in range(len(labels)):
            model.classifier.weight[kind, 2 * kind] = 5.0
    model.save_pretrained(at)
    tokenizer.save_pretrained(at)
    return at


def test_a_token_classifier_finds_whole_words_with_their_types(classifier: Path) -> None:
    (document,) = TokenClassification(str(classifier)).find([raw("Ada met Bertha in the river. Cy met ada!")])
    assert names_of(document) == [
        [("Ada", "PER"), ("ada", "PER")],
        [("Bertha", "PER")],
        [("river", "LOC")],
        [("Cy", "PER")],
    ]
    assert [(m.sentence, m.start, m.end) for m in document.entities[0].mentions] == [(0, 0, 1), (1, 2, 3)]


def test_a_token_classifier_reads_sentences_longer_than_its_window(classifier: Path) -> None:
    text = "the " * 60 + "river of " + "the " * 60 + "Bertha"
    (document,) = TokenClassification(str(classifier)).find([raw(text)])
    assert names_of(document) == [[("river", "LOC")], [("Bertha", "PER")]]
    assert [e.mentions[0].start for e in document.entities] == [60, 122]


def test_a_token_classifier_meets_the_contract_and_takes_a_threshold(classifier: Path) -> None:
    check_recogniser(TokenClassification, str(classifier))
    (document,) = TokenClassification(str(classifier), threshold=1.0).find([raw("Ada met Bertha .")])
    assert document.entities == ()


def test_models_that_do_not_classify_tokens_are_refused(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a model for token classification, its files lack classifier"):
        TokenClassification(str(models["bert"]))
    with pytest.raises(ModelError, match=r"cannot load the model 'no/where': .*; without a network, name a directory"):
        TokenClassification("no/where")


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("Ada met Zoe .", [(0, 3, "PER"), (8, 11, None)], [("Ada", 0, 1), ("Zoe", 2, 3)]),
        ("Ada met Zoe .", [(1, 2, "PER"), (9, 13, "PER")], [("Ada", 0, 1), ("Zoe .", 2, 4)]),  # parts of words
        ("Ada Lovelace met Zoe", [(4, 12, "B"), (0, 12, "A"), (5, 20, "C")], [("Ada Lovelace", 0, 2)]),  # they overlap
        ("鲁迅出生于绍兴", [(0, 2, "PER"), (5, 7, "LOC")], [("鲁迅", 0, 2), ("绍兴", 5, 7)]),
        ("राजेन्द्र का जन्म पटना में", [(17, 21, "LOC")], [("पटना", 3, 4)]),
        ("Ada", [(3, 3, "PER"), (5, 9, "PER")], []),  # empty, and outside
    ],
)
def test_spans_of_characters_become_whole_words(text: str, spans: list[Span], expected: list[Any]) -> None:
    document = recognised(raw(text), lambda _: spans)
    assert [(m.name, m.start, m.end) for e in document.entities for m in e.mentions] == expected


def test_gliner_gets_labels_and_threshold_and_one_line_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, list[str], float]] = []

    class Model:
        @classmethod
        def from_pretrained(cls, name: str) -> Model:
            if name == "gone":
                raise OSError("We couldn't connect to 'https://huggingface.co'\nmore")
            return cls()

        def predict_entities(self, text: str, labels: list[str], threshold: float) -> list[dict[str, Any]]:
            asked.append((text, labels, threshold))
            at = text.find("aspirin")
            return [{"start": at, "end": at + 7, "text": "aspirin", "label": "drug", "score": 0.9}] if at >= 0 else []

    monkeypatch.setitem(sys.modules, "gliner", None)
    with pytest.raises(ModelError, match="the recogniser gliner needs its package: pip install gliner"):
        recogniser("gliner:any")
    module: Any = types.ModuleType("gliner")
    module.GLiNER = Model
    monkeypatch.setitem(sys.modules, "gliner", module)
    found_by = recogniser("gliner:any", {"labels": "drug,gene", "threshold": "0.3"})
    (document,) = found_by.find([raw("She took aspirin . It helped .")])
    assert names_of(document) == [[("aspirin", "drug")]]
    assert asked == [("She took aspirin .", ["drug", "gene"], 0.3), ("It helped .", ["drug", "gene"], 0.3)]
    check_recogniser(Gliner, "any")
    with pytest.raises(
        ModelError, match=r"cannot load the GLiNER model 'gone': We couldn't .*'; without a network, name a"
    ):
        recogniser("gliner:gone")
    with pytest.raises(SettingsError, match="labels: expected names of entity types, got none"):
        recogniser("gliner:any", {"labels": []})


def test_names_meet_the_contract(tmp_path: Path) -> None:
    facts = tmp_path / "facts.tsv"
    facts.write_text("Ada\tmet\tZoe\n")
    check_recogniser(Names, str(facts))
    (document,) = recogniser(f"names:{facts}", {"ignore_case": "true"}).find([raw("ADA met Zoe.")])
    assert [group[0][0] for group in names_of(document)] == ["ADA", "Zoe"]


def test_recognisers_are_chosen_by_name_from_plugins(finecl: Finecl) -> None:
    rows = json.loads(finecl("plugins", "--json").out)["parts"]
    named = {row["name"]: row["settings"] for row in rows if row["kind"] == "recogniser"}
    assert named.keys() >= {"spacy", "gliner", "transformers", "names"}
    assert named["gliner"]["threshold"] == 0.5
    with pytest.raises(PluginError, match="no recogniser is called 'spcay'; did you mean 'spacy'"):
        recogniser("spcay:en_core_web_sm")
    with pytest.raises(SettingsError, match="recogniser 'transformers' has no setting 'labels'; it has: threshold"):
        recogniser("transformers:x", {"labels": "a"})


def test_predict_and_label_take_any_recogniser(
    classifier: Path, models: dict[str, Path], tmp_path: Path, finecl: Finecl
) -> None:
    model = extractors.save(tmp_path / "extractor", models["bert"])
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text("Ada met Bertha in the river.")
    out, ner = tmp_path / "out.jsonl", f"transformers:{classifier}"
    result = finecl("predict", model, tmp_path / "texts", out, "--ner", ner, "--threshold", 0, "--quiet")
    assert result.code == 0, result.err
    pairs = {(row["head_text"], row["tail_text"]) for row in map(json.loads, out.read_text().splitlines())}
    assert pairs == {(a, b) for a in ("Ada", "Bertha", "river") for b in ("Ada", "Bertha", "river") if a != b}
    strict = ("--ner", ner, "--ner-option", "threshold=1", "--quiet")
    line = finecl("predict", model, tmp_path / "texts", tmp_path / "none.jsonl", *strict).error_line()
    assert "expected entities, found none in 1 documents; the recogniser of --ner finds none" in line
    line = finecl(
        "predict", model, tmp_path / "texts", tmp_path / "x.jsonl", "--ner", ner, "--ner-option", "x"
    ).error_line()
    assert line == "--ner-option: expected KEY=VALUE, got 'x'"
    (tmp_path / "facts.tsv").write_text("Ada\tmet\tBertha\n")
    labelled = tmp_path / "labelled.jsonl"
    arguments = (tmp_path / "texts", labelled, "--triples", tmp_path / "facts.tsv", "--find", ner, "--quiet", "--json")
    result = finecl("data", "label", *arguments)
    assert result.code == 0, result.err
    counts = json.loads(result.out)
    assert (counts["entities"], counts["labels"]) == (3, 1)


def test_a_text_with_neither_entities_nor_recogniser_says_so_in_python_as_in_the_command(
    models: dict[str, Path], tmp_path: Path, finecl: Finecl
) -> None:
    model = extractors.save(tmp_path / "extractor", models["bert"])
    extractor = RelationExtractor.from_pretrained(model, device="cpu")
    for inputs in ("Ada met Zoe.", ["Ada met Zoe.", "Curie"], {"text": "Ada met Zoe."}):
        with pytest.raises(
            SettingsError, match=r"got none in the text and no recogniser: .* NAME:SOURCE, such as spacy:"
        ):
            extractor(inputs)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text("Ada met Zoe.")
    line = finecl("predict", model, tmp_path / "texts", tmp_path / "out.jsonl", "--quiet").error_line()
    assert line.endswith("or a recogniser: --ner NAME:SOURCE, such as spacy:PIPELINE or names:TRIPLES")


class Faulty:
    """Finds the first word of each document, with one fault."""

    def __init__(self, source: str, *, fault: str = "none") -> None:
        self.fault, self.calls = fault, 0

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        self.calls += 1
        given = list(documents)
        if self.fault == "fewer":
            given = given[1:]
        if self.fault == "reversed":
            given = [*reversed(given)] if len(given) > 1 else [replace(document, title="other") for document in given]
        for document in given:
            words = 0 if self.fault == "empty" else len(document.sentences[0]) + 1 if self.fault == "outside" else 1
            mention = Mention(sentence=0, start=0, end=words, name=f"{self.calls if self.fault == 'restless' else 0}")
            mentions = () if self.fault == "nameless" else (mention,)
            labels = document.labels if self.fault == "labels" else ()
            yield replace(document, entities=(Entity(mentions=mentions),), labels=labels)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("fewer", "find() must yield each document once"),
        ("reversed", "find() must yield the documents in order, with their title and sentences"),
        ("labels", "labels of the old entities must be dropped"),
        ("empty", "a mention must be words [start, end) of a sentence"),
        ("outside", "a mention must be words [start, end) of a sentence"),
        ("nameless", "an entity must have a mention"),
        ("restless", "the same input must give the same output"),
    ],
)
def test_faulty_recognisers_are_found_out(fault: str, sentence: str) -> None:
    check_recogniser(Faulty)
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        check_recogniser(Faulty, "any", fault=fault)
