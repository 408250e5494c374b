"""Tests of tokenization, of the token spans of mentions, and of the report on truncation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.artifacts.files import cache_directory
from finecl.errors import ModelError
from finecl.tokens.token_table import describe_loss, reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Document, Entity, Mention
from tests.conftest import LoadTiny
from tests.helpers import tiny


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def tokenizer(request: pytest.FixtureRequest, load_tiny: LoadTiny) -> DocumentTokenizer:
    """WordPiece; byte-level BPE whose offsets exclude the space before a word; and one whose offsets include it."""
    return load_tiny(request.param)[1]


def spans(tokenizer: DocumentTokenizer, document: Document) -> list[list[int]]:
    """Returns the tokens of each mention within the limit, in order."""
    row = {name: column[0] for name, column in tokenizer.read([document]).items()}
    return [
        row["input_ids"][s:e] for s, e in zip(row["mention_start"].tolist(), row["mention_end"].tolist(), strict=True)
    ]


def plain(words: list[list[str]], *mentions: tuple[int, int, int]) -> Document:
    entities = [Entity(mentions=(Mention(sentence=s, start=a, end=b, name="x"),)) for s, a, b in mentions]
    return Document(title="t", sentences=tuple(map(tuple, words)), entities=tuple(entities))


def spell(tokenizer: DocumentTokenizer, tokens: list[int]) -> str:
    """Returns the text of sub-words, without the marks of word starts."""
    text: str = tokenizer.hf_tokenizer.backend_tokenizer.decode(tokens, skip_special_tokens=False)
    return text.replace(" ", "").lower()


def test_mentions_are_exactly_their_words(tokenizer: DocumentTokenizer) -> None:
    words = [["Ada", "met", "Babbage", "."], ["unbelievably", "Curie", "Darwin"]]
    document = plain(words, (0, 0, 1), (0, 2, 3), (1, 0, 1), (1, 1, 3))
    assert [spell(tokenizer, tokens) for tokens in spans(tokenizer, document)] == [
        "ada",
        "babbage",
        "unbelievably",
        "curiedarwin",
    ]


@given(st.data())
def test_every_word_of_a_random_text_is_found_again(tokenizer: DocumentTokenizer, data: st.DataObject) -> None:
    word = st.text("abcxyzADC.,7", min_size=1, max_size=7)
    words = data.draw(st.lists(st.lists(word, min_size=1, max_size=5), min_size=1, max_size=3))
    places = [(s, w, w + 1) for s, sentence in enumerate(words) for w in range(len(sentence))]
    document = plain(words, *places)
    mentions = spans(tokenizer, document)
    count = len(mentions)  # the last ones may lie beyond the encoder's reach
    assert [spell(tokenizer, tokens) for tokens in mentions] == [words[s][w].lower() for s, w, _ in places][:count]
    row = tokenizer.read([document])
    assert count == len(places) or len(row["input_ids"][0]) == tokenizer.max_length
    assert row["mention_entity"][0].tolist() == list(range(count))


@given(st.data())
def test_any_unicode_gives_mentions_in_order_that_do_not_overlap(
    tokenizer: DocumentTokenizer, data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), min_size=1, max_size=6))
    row = tokenizer.read([plain([words], *((0, w, w + 1) for w in range(len(words))))])
    start, end = row["mention_start"][0], row["mention_end"][0]
    assert (start < end).all()
    assert (end[:-1] <= start[1:]).all()
    assert (start >= 1).all()
    assert (end <= len(row["input_ids"][0]) - 1).all()


def test_words_that_give_no_token_drop_their_mentions_only(load_tiny: LoadTiny) -> None:
    _, tokenizer = load_tiny("bert")
    words = [["Ada", "\u200b", "", "Darwin", "\x00"]]  # BERT's normaliser removes control characters
    document = plain(words, (0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5), (0, 1, 4))
    row = tokenizer.read([document])
    assert row["mention_entity"][0].tolist() == [0, 3, 5]
    assert [spell(tokenizer, tokens) for tokens in spans(tokenizer, document)] == ["ada", "darwin", "darwin"]


def test_letters_beyond_the_vocabulary_keep_their_place(tokenizer: DocumentTokenizer) -> None:
    words = [["Zoë", "Łódź", "東京", "met", "🦉", "Ada"]]
    mentions = spans(tokenizer, plain(words, *((0, w, w + 1) for w in range(6))))
    assert len(mentions) == 6
    assert [spell(tokenizer, mentions[i]) for i in (3, 5)] == ["met", "ada"]


def test_special_tokens_frame_the_text(tokenizer: DocumentTokenizer) -> None:
    document = plain([["Ada", "met", "Curie"]], (0, 0, 1))
    (ids,) = tokenizer.read([document])["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.first, tokenizer.last)
    assert ids[1:-1] == tokenizer.encode("Ada met Curie")
    assert {tokenizer.first, tokenizer.last, tokenizer.mask} <= set(tokenizer.special.tolist())


def test_truncation_keeps_whole_mentions_within_the_limit(tokenizer: DocumentTokenizer) -> None:
    words = ["Ada"] * (2 * tiny.LONGEST)
    row = tokenizer.read([plain([words], *((0, w, w + 1) for w in range(len(words))), (0, 0, len(words)))])
    assert len(row["input_ids"][0]) == tokenizer.max_length == tiny.LONGEST
    assert row["input_ids"][0][-1] == tokenizer.last
    end = row["mention_end"][0]
    assert end.max() <= tiny.LONGEST - 1
    room = tiny.LONGEST - 2
    assert len(end) == sum(len(tokenizer.encode(" ".join(words[:n]))) <= room for n in range(1, room + 1))


def test_the_limit_is_the_settings_or_the_encoders(load_tiny: LoadTiny) -> None:
    assert load_tiny("roberta", max_length=20)[1].max_length == 20
    assert [load_tiny(family, max_length=10_000)[1].max_length for family in tiny.FAMILIES] == [tiny.LONGEST] * 3


def test_the_loss_by_truncation_is_described_with_relations_by_count(load_tiny: LoadTiny, tmp_path: Path) -> None:
    _, tokenizer = load_tiny("bert")
    text = " ".join(["Ada", "Darwin", *["the"] * tiny.LONGEST, "Euler", "Fermat"])
    names = ["Ada", "Darwin", "Euler", "Fermat"]
    long = tiny.document("long", [text], names, (0, "near", 1), (0, "far", 2), (1, "far", 3), (3, "both", 2))
    data = tiny.labelled([tiny.documents(1)[0], long], tokenizer, tmp_path)
    within_reach = reached(data.instances, data.tokens)
    i = data.instances
    lost = [i.relations[r] for r in i.relation[~within_reach]]
    assert sorted(lost) == ["both", "far", "far"]
    all_entities = int(data.tokens.entities.sum())
    assert describe_loss("silver", data.tokens, i, within_reach) == (
        f"silver: 2 of {all_entities} entities and 3 of {len(i)} labels lie beyond the encoder's reach (far 2, both 1)"
    )


def test_without_loss_there_is_no_description(load_tiny: LoadTiny, tmp_path: Path) -> None:
    data = tiny.labelled(tiny.documents(3), load_tiny("bert")[1], tmp_path)
    within_reach = reached(data.instances, data.tokens)
    assert within_reach.all()
    assert describe_loss("silver", data.tokens, data.instances, within_reach) is None


def test_rows_of_any_documents_in_any_order(load_tiny: LoadTiny, tmp_path: Path) -> None:
    _, tokenizer = load_tiny("roberta")
    documents = tiny.documents(6)
    tokens = tiny.labelled(documents, tokenizer, tmp_path).tokens
    rows = tokens.rows(np.array([4, 1]))
    expected = tokenizer.read([documents[4], documents[1]])
    assert rows.ids.tolist() == [*expected["input_ids"][0], *expected["input_ids"][1]]
    assert rows.lengths.tolist() == [len(ids) for ids in expected["input_ids"]]
    for column, name in ((rows.start, "mention_start"), (rows.end, "mention_end"), (rows.entity, "mention_entity")):
        assert column.tolist() == np.concatenate(expected[name]).tolist()
    assert rows.mentions.tolist() == [len(column) for column in expected["mention_start"]]
    assert tokens.entities.tolist() == [len(d.entities) for d in documents]


def test_the_cache_is_read_by_the_same_tokenizer_only(load_tiny: LoadTiny) -> None:
    readers = [load_tiny("bert")[1], load_tiny("bert", max_length=30)[1], load_tiny("roberta")[1], load_tiny("bert")[1]]
    assert len({tokenizer.fingerprint for tokenizer in readers}) == 3
    assert readers[0].fingerprint == readers[3].fingerprint
    cache = cache_directory()
    lengths = [tiny.labelled(tiny.documents(2), tokenizer, cache).tokens.lengths.tolist() for tokenizer in readers]
    assert len(list((cache / "tokens").glob("*.arrow"))) == 3
    assert lengths[0] == lengths[3] != lengths[1]


def test_a_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="a fast tokenizer is needed to align words, got Slow"):
        DocumentTokenizer(Slow(), 10)
