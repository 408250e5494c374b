"""Tests of the entity table, of the accuracy of types alone, and of mention masking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finecl.corpus.corpus import Corpus
from finecl.corpus.entity_table import TypeMatched, type_only_accuracy
from finecl.tokens.candidate_pairs import select_pairs
from finecl.tokens.mention_masking import mask_mentions
from finecl.tokens.packing import pack
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Document, Entity, Mention
from tests.conftest import LoadTiny
from tests.helpers import tiny


def typed(title: str, text: str, types: dict[str, str | None], *labels: tuple[int, str, int]) -> Document:
    plain = tiny.document(title, [text], list(types), *labels)
    entities = tuple(
        replace(e, mentions=tuple(replace(m, type=kind) for m in e.mentions))
        for e, kind in zip(plain.entities, types.values(), strict=True)
    )
    return replace(plain, entities=entities)


PERSON, CITY = "PER", "LOC"
DOCUMENTS = [
    typed("a", "Ada left Rome for Bonn", {"Ada": PERSON, "Rome": CITY, "Bonn": CITY}, (0, "left", 1)),
    typed("b", "Ada met Zoe near Rome", {"Ada": PERSON, "Zoe": PERSON, "Rome": CITY}, (0, "met", 1)),
    typed("c", "Zoe and Kim saw Oslo", {"Zoe": PERSON, "Kim": None, "Oslo": CITY}, (0, "left", 2)),
]


def corpus_of(documents: Sequence[Document], directory: Path) -> Corpus:
    return Corpus.from_documents(documents, directory / "corpus.arrow")


def test_the_types_of_a_pair_are_one_number(tmp_path: Path) -> None:
    entities = corpus_of(DOCUMENTS, tmp_path).entities
    assert entities.types == (PERSON, CITY)
    document, head, tail = np.array([0, 2, 0, 2, 1]), np.array([0, 0, 1, 1, 2]), np.array([2, 2, 0, 2, 0])
    codes = entities.pair_types(document, head, tail).tolist()
    assert codes[0] == codes[1] != codes[2] == codes[4]
    assert codes[3] == -1


def test_type_matched_negatives_have_types_that_some_label_has(tmp_path: Path, load_tiny: LoadTiny) -> None:
    tokenizer = load_tiny()[1]
    corpus = corpus_of(DOCUMENTS, tmp_path)
    instances = corpus.instances(corpus.relations)
    numbers = np.arange(3)
    packed = pack(TokenizedCorpus.of(corpus, tokenizer, tmp_path).rows(numbers))
    candidates = select_pairs(packed, instances, numbers, pair_filter=TypeMatched.of(corpus.entities, instances))
    free = np.setdiff1d(np.arange(len(candidates)), candidates.pair_I)
    pairs = {(int(candidates.document_P[p]), int(candidates.head_P[p]), int(candidates.tail_P[p])) for p in free}
    assert pairs == {(0, 0, 2), (1, 1, 0), (1, 0, 2), (1, 1, 2)}


def test_the_accuracy_of_types_alone_is_counted_without_the_instance_itself(tmp_path: Path) -> None:
    again = [
        typed("d", "Ada left Bonn", {"Ada": PERSON, "Bonn": CITY}, (0, "left", 1)),
        typed("e", "Ada met Bonn", {"Ada": PERSON, "Bonn": CITY}, (0, "met", 1)),
    ]
    corpus = corpus_of([*DOCUMENTS, *again], tmp_path)
    # "left" of person and city is right three times; "met" is the only label of two persons, and wrong of person, city.
    assert type_only_accuracy(corpus.entities, corpus.instances(corpus.relations)) == pytest.approx(3 / 5)


def test_without_types_there_is_no_accuracy(tmp_path: Path) -> None:
    corpus = corpus_of(tiny.documents(5), tmp_path)
    assert type_only_accuracy(corpus.entities, corpus.instances(corpus.relations)) is None


def test_hidden_mentions_are_one_word_each() -> None:
    document = tiny.document("x", ["Ada Lovelace met Kim", "Kim saw Ada Lovelace today"], ["Ada Lovelace", "Kim"])
    ada = tuple(replace(m, type=PERSON) for m in document.entities[0].mentions)
    document = replace(document, entities=(Entity(mentions=ada), document.entities[1]))
    by_type = mask_mentions(document, "type", "[MASK]")
    assert by_type.sentences == (("per", "met", "entity"), ("entity", "saw", "per", "today"))
    assert [(m.sentence, m.start, m.end) for m in by_type.entities[0].mentions] == [(0, 0, 1), (1, 2, 3)]
    assert [(m.sentence, m.start, m.end) for m in by_type.entities[1].mentions] == [(0, 2, 3), (1, 0, 1)]
    assert mask_mentions(document, "blank", "[MASK]").sentences[0] == ("[MASK]", "met", "[MASK]")


def test_mentions_that_overlap_become_one_word() -> None:
    inside = Entity(mentions=(Mention(sentence=0, start=2, end=3, name="York"),))
    around = Entity(mentions=(Mention(sentence=0, start=1, end=3, name="New York", type=CITY),))
    document = Document(title="x", sentences=(("in", "New", "York", "now"),), entities=(inside, around))
    masked = mask_mentions(document, "type", "[MASK]")
    assert masked.sentences == (("in", "loc", "now"),)
    assert [m.start for e in masked.entities for m in e.mentions] == [1, 1]


def test_a_tokenizer_that_masks_gives_other_tokens_and_another_cache_file(tmp_path: Path, load_tiny: LoadTiny) -> None:
    tokenizer: DocumentTokenizer = load_tiny()[1]
    corpus = corpus_of(DOCUMENTS, tmp_path)
    seen, blank = (
        TokenizedCorpus.of(corpus, r, tmp_path).rows(np.array([0]))
        for r in (tokenizer, tokenizer.with_masking("blank"))
    )
    assert (blank.ids == tokenizer.mask).sum() == 3
    assert (seen.ids == tokenizer.mask).sum() == 0
    assert (blank.ids[blank.start] == tokenizer.mask).all()
