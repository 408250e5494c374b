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
from finecl.scoring.statements import in_words, statement_similarity, text_vectors
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Document, Entity, Label, Mention


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("per:place_of_birth", "place of birth"),
        ("/people/person/placeOfBirth", "place of birth"),
        ("Cause-Effect(e2,e1)", "cause effect"),
        ("place of birth", "place of birth"),
        ("cause of", "cause of"),
        ("born in U.S. state", "born in u.s. state"),
        ("P19", "p19"),
        ("出生地", "出生地"),
        ("::", "::"),
    ],
)
def test_a_relation_is_put_into_words(relation: str, words: str) -> None:
    assert in_words(relation) == words


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


def test_only_words_near_the_mentions_count(tmp_path: Path) -> None:
    encoder, tokenizer = tiny(tmp_path / "model")
    plain = document(1, "born", ("PER", "LOC"))
    words = [f"w{n}" for n in range(9)]
    shifted = [
        replace(e, mentions=tuple(replace(m, start=m.start + 9, end=m.end + 9) for m in e.mentions))
        for e in plain.entities
    ]
    far = replace(plain, title="far", sentences=((*words, *plain.sentences[0], *words),), entities=tuple(shifted))
    near = replace(far, title="near", sentences=(("a", *far.sentences[0][1:-2], "b", "c"),))
    corpus = Corpus.from_documents([plain, far, near], tmp_path / "corpus")
    instances = corpus.instances(("born",))
    similarity = statement_similarity(encoder, tokenizer, CorpusTexts(corpus, instances), {})
    by_document = dict(zip(instances.document.tolist(), similarity[:, 0].tolist(), strict=True))
    assert by_document[1] == pytest.approx(by_document[2], abs=1e-6)
    assert by_document[0] != pytest.approx(by_document[1], abs=1e-4)


def test_a_label_is_compared_with_the_relations_of_its_types(tmp_path: Path) -> None:
    encoder, tokenizer, _ = load_encoder(
        ModelSettings(name=str(save_model(tmp_path / "model", "bert")), precision="float32")
    )
    person, place = ("PER", "PER"), ("PER", "LOC")
    documents = [document(0, "knows", person), document(1, "born", place), document(2, "lives", place)]
    corpus = Corpus.from_documents(documents, tmp_path / "corpus")
    instances = corpus.instances(("born", "knows", "lives"))
    similarity = statement_similarity(encoder, tokenizer, CorpusTexts(corpus, instances), {"born": "was born in"})
    compared = {(instances.document[row], instances.relations[r]) for row, r in np.argwhere(~np.isnan(similarity))}
    assert compared == {(0, "knows"), (1, "born"), (1, "lives"), (2, "born"), (2, "lives")}
    born = text_vectors(encoder, tokenizer, ["Ada saw Rome 1", "Ada: was born in: Rome"])
    (row,) = np.flatnonzero(instances.document == 1)
    assert similarity[row, 0] == pytest.approx(float(born[0] @ born[1]), abs=1e-4)
