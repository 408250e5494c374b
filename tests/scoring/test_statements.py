"""Tests of the similarity of sentences to facts in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from finecl_benchmarks.tiny_encoders import save_model

from finecl.config.schema import ModelSettings
from finecl.corpus.corpus import Corpus
from finecl.corpus.label_texts import CorpusTexts
from finecl.models.encoder import Encoder
from finecl.models.pretrained import load_encoder
from finecl.scoring.statements import entity_words, statement_similarity, text_vectors
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Document, Entity, Label, Mention


def tiny(directory: Path) -> tuple[Encoder, DocumentTokenizer]:
    """Returns a small random encoder with its tokenizer."""
    settings = ModelSettings(name=str(save_model(directory, "bert")), precision="float32")
    encoder, tokenizer, _ = load_encoder(settings)
    return encoder, tokenizer


def test_a_text_is_the_mean_of_its_token_states_however_texts_are_batched(tmp_path: Path) -> None:
    encoder, tokenizer, _ = load_encoder(
        ModelSettings(name=str(save_model(tmp_path / "model", "bert")), precision="float32")
    )
    encoder.eval()
    texts = ["Ada was born in Rome", "Ada", "Ada was born in Rome", "Rome saw Ada and Ada saw Rome"]
    vectors = text_vectors(encoder, tokenizer, texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        ids = torch.tensor([tokenizer.framed(tokenizer.encode(text))])
        with torch.no_grad():
            encoder.model.set_attn_implementation("sdpa")  # type: ignore[operator]
            mean = encoder.model.base_model(input_ids=ids).last_hidden_state[0].mean(dim=0)  # type: ignore[operator]
        assert vector == pytest.approx((mean / mean.norm()).numpy(), abs=1e-4)


def document(number: int, relation: str, types: tuple[str, str]) -> Document:
    words = ("Ada", "saw", "Rome", f"{number}")
    spans = [(0, 1, types[0]), (2, 3, types[1])]
    entities = tuple(
        Entity(mentions=(Mention(sentence=0, start=a, end=b, name=words[a], type=kind),)) for a, b, kind in spans
    )
    return Document(
        title=f"d{number}", sentences=(words,), entities=entities, labels=(Label(head=0, tail=1, relation=relation),)
    )


def test_only_words_near_the_mentions_count_and_names_do_not(tmp_path: Path) -> None:
    encoder, tokenizer = tiny(tmp_path / "model")
    plain = document(1, "born", ("PER", "LOC"))
    words = [f"w{n}" for n in range(9)]
    shifted = [
        replace(e, mentions=tuple(replace(m, start=m.start + 9, end=m.end + 9) for m in e.mentions))
        for e in plain.entities
    ]
    far = replace(plain, title="far", sentences=((*words, *plain.sentences[0], *words),), entities=tuple(shifted))
    near = replace(far, title="near", sentences=(("a", *far.sentences[0][1:-2], "b", "c"),))
    renamed = replace(
        near, title="renamed", sentences=((*near.sentences[0][:9], "Bea", "saw", *near.sentences[0][11:]),)
    )
    corpus = Corpus.from_documents([plain, far, near, renamed], tmp_path / "corpus")
    instances = corpus.instances(("born",))
    wordings = {"born": ("{head} was born in {tail}",)}
    similarity = statement_similarity(encoder, tokenizer, CorpusTexts(corpus, instances), wordings)
    by_document = dict(zip(instances.document.tolist(), similarity[:, 0].tolist(), strict=True))
    assert by_document[1] == pytest.approx(by_document[2], abs=1e-6)
    assert by_document[1] == pytest.approx(by_document[3], abs=1e-6)
    assert by_document[0] != pytest.approx(by_document[1], abs=1e-4)


def test_a_label_is_compared_with_the_relations_of_its_types_and_with_none(tmp_path: Path) -> None:
    encoder, tokenizer = tiny(tmp_path / "model")
    person, place = ("PER", "PER"), ("PER", "LOC")
    documents = [document(0, "knows", person), document(1, "born", place), document(2, "lives", place)]
    corpus = Corpus.from_documents(documents, tmp_path / "corpus")
    instances = corpus.instances(("born", "knows", "lives"))
    wordings = {
        "born": ("{head} was born in {tail}", "{tail} bore {head}"),
        "knows": ("{head} knows {tail}",),
        "lives": ("{tail}: {head}",),
    }
    similarity = statement_similarity(encoder, tokenizer, CorpusTexts(corpus, instances), wordings)
    names = (*instances.relations, "none")
    compared = {(instances.document[row], names[r]) for row, r in np.argwhere(~np.isnan(similarity))}
    placed = {(number, name) for number in (1, 2) for name in ("born", "lives", "none")}
    assert compared == {(0, "knows"), (0, "none"), *placed}
    texts = [
        "the person saw the place 1", "the person was born in the place", "the place bore the person",
        "the place: the person", "the person and the place",
    ]  # fmt: skip
    sentence, *stated = text_vectors(encoder, tokenizer, texts)
    cosines = [float(sentence @ each) for each in stated]
    (row,) = np.flatnonzero(instances.document == 1)
    assert similarity[row, 0] == pytest.approx(max(cosines[:2]), abs=1e-4)  # the best wording
    assert similarity[row, [2, 3]] == pytest.approx(np.array(cosines[2:]), abs=1e-4)


def test_no_label_has_no_similarity(tmp_path: Path) -> None:
    encoder, tokenizer = tiny(tmp_path / "model")
    corpus = Corpus.from_documents([replace(document(0, "born", ("PER", "LOC")), labels=())], tmp_path / "corpus")
    texts = CorpusTexts(corpus, corpus.instances(("born",)))
    assert statement_similarity(encoder, tokenizer, texts, {}).shape == (0, 2)


@pytest.mark.parametrize(
    ("types", "words"),
    [
        (("PER", "LOC"), ("the person", "the place")),
        (("ORG", "ORG"), ("the organization", "the other organization")),
        (("Chemical", "WORK_OF_ART"), ("the chemical", "the work of art")),
        (("TERM", None), ("X", "Y")),
    ],
)
def test_types_stand_for_names(types: tuple[str | None, str | None], words: tuple[str, str]) -> None:
    assert entity_words(types) == words
