"""Inputs of an extractor: character and token spans, rows and documents, and errors in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
from finecl_formats.plain_text import PlainText

from finecl.errors import FormatError
from finecl.inference.inputs import from_text, from_tokens, read_inputs
from finecl.text.words import split_words
from finecl.types import Document
from tests.helpers import tiny

TEXTS = (
    "Marie Curie was born in Warsaw. She moved to Paris!  Dr. Who didn't; e.g. this.\nA new line",
    "Er sagte: „Nein.“ Dann ging J. R. Ewing.\r\n\r\nU.S. troops left.\x0bVertical. tab",
    "東京。大阪！one two",
    "   ",
)


@pytest.mark.parametrize("text", TEXTS)
def test_words_and_sentences_equal_those_of_the_format_text(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode())
    (expected,) = PlainText().read(tmp_path / "a.txt")
    words = split_words(text)
    assert words.sentences == expected.sentences
    flat = [word for sentence in words.sentences for word in sentence]
    assert [text[a:b] for a, b in zip(words.start, words.end, strict=True)] == flat


def test_a_span_splits_words_and_joins_sentences() -> None:
    document = from_text(
        "Born at Yahoo!\nInc in Warsaw-Mokotow.", [(8, 18), {"start": 22, "end": 28, "text": "Warsaw"}]
    )
    assert document.sentences == (("Born", "at", "Yahoo", "!", "Inc", "in", "Warsaw", "-Mokotow", "."),) or (
        document.sentences == (("Born", "at", "Yahoo", "!", "Inc", "in", "Warsaw", "-", "Mokotow", "."),)
    )
    first, second = (entity.mentions[0] for entity in document.entities)
    assert (first.sentence, first.start, first.end, first.name) == (0, 2, 5, "Yahoo!\nInc")
    assert (second.start, second.end, second.name) == (6, 7, "Warsaw")


def test_an_entity_is_a_span_a_mapping_or_a_list_of_mentions() -> None:
    text = "Ada met Curie . She was Ada ."
    group = {"id": "Q1", "type": "PER", "mentions": [(0, 3), {"start": 24, "end": 27, "name": "Ada"}]}
    document = from_text(text, [group, {"start": 8, "end": 13, "label": "PER", "id": 7}, [(0, 3), (24, 27)]])
    assert [entity.id for entity in document.entities] == ["Q1", "7", None]
    assert [[m.name for m in entity.mentions] for entity in document.entities] == [
        ["Ada", "Ada"],
        ["Curie"],
        ["Ada"] * 2,
    ]
    assert [entity.type for entity in document.entities] == ["PER", "PER", None]
    assert [m.sentence for m in document.entities[0].mentions] == [0, 1]


def test_white_space_at_the_ends_of_a_span_is_ignored() -> None:
    document = from_text("Ada  met Curie", [(0, 4)])
    assert document.entities[0].mentions[0].name == "Ada "[:3]


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        (
            [(0, 3), (20, 40)],
            "entity 1, mention 0: expected 0 <= start < end <= 29, the characters of the text, got",
        ),
        ([(3, 3)], "got [3, 3); count characters from 0"),
        ([(-1, 3)], "got [-1, 3)"),
        ([(3, 4)], "expected a span with words, got white space only"),
        ([{"start": 0, "end": 3, "name": "Eve"}], "expected 'Eve' at [0, 3), got 'Ada'; correct span or name"),
        ([{"start": 0}], "expected whole numbers 'start' and 'end' of a mention, got {'start': 0}"),
        (["Ada"], "expected (start, end), a mapping with both, or a list of these, got 'Ada'"),
        ([[]], "expected (start, end), a mapping with both, or a list of these, got []"),
        ([[(0, 3), (90, 91)]], "entity 0, mention 1: expected 0 <= start"),
    ],
)
def test_an_invalid_entity_gives_one_line(entities: list[Any], message: str) -> None:
    with pytest.raises(FormatError) as error:
        from_text("Ada met Curie . She was Ada .", entities)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_token_spans_are_checked_too() -> None:
    tokens = ["Ada", "met", "Marie", "Curie"]
    document = from_tokens(tokens, [(0, 1), {"start": 2, "end": 4, "name": "Marie Curie"}])
    assert [entity.mentions[0].name for entity in document.entities] == ["Ada", "Marie Curie"]
    with pytest.raises(FormatError, match=r"0 <= start < end <= 4, the tokens of the text, got \[2, 5\)"):
        from_tokens(tokens, [(2, 5)])
    with pytest.raises(FormatError, match="expected 'Marie' at"):
        from_tokens(tokens, [{"start": 2, "end": 4, "name": "Marie"}])


def _read(texts: Any, entities: Any = None, *, split: bool = False) -> tuple[list[Document], bool]:
    documents, single = read_inputs(texts, entities, split=split)
    return list(documents), single


def test_single_and_multiple_inputs_keep_their_shape() -> None:
    text, spans = "Ada met Curie", [(0, 3), (8, 13)]
    (one,), single = _read(text, spans)
    assert single
    assert len(one.entities) == 2
    assert _read([text, text], [spans, spans]) == ([one, one], False)
    tokens, token_spans = text.split(), [(0, 1), (2, 3)]
    assert _read(tokens, token_spans, split=True) == ([one], True)
    assert _read([tokens], [token_spans], split=True) == ([one], False)
    assert _read(one) == ([one], True)
    assert _read([{"text": text, "entities": spans}, {"tokens": tokens, "entities": token_spans}]) == (
        [one, one],
        False,
    )
    rows = datasets.Dataset.from_list([{"text": text, "entities": [{"start": 0, "end": 3}, {"start": 8, "end": 13}]}])
    assert _read(rows) == ([one], False)


def test_docreds_columns_are_read() -> None:
    document = tiny.document("t", ["Ada met Curie"], ["Ada", "Curie"], (0, "P0", 1))
    vertices = [
        [{"name": m.name, "sent_id": m.sentence, "pos": [m.start, m.end]} for m in entity.mentions]
        for entity in document.entities
    ]
    labels = [{"head": 0, "tail": 1, "relation": "P0"}]
    row = {"title": "t", "sents": [["Ada", "met", "Curie"]], "vertexSet": vertices, "labels": labels}
    assert _read(row) == ([document], True)


@pytest.mark.parametrize(
    ("texts", "entities", "message"),
    [
        (["a b", "c d"], [[]], "expected entities of every text, got those of 1"),
        (["a b"], [[], []], "expected entities of 1 texts, got those of more"),
        (3, None, "expected a text, tokens, a document or a list of them, got int"),
        ([3], None, "document 0: expected a text, tokens, a Document or a row"),
        ([{"words": []}], None, "document 0: expected a column 'text', 'tokens' or 'sents', got: words"),
    ],
)
def test_other_invalid_inputs_are_refused(texts: Any, entities: Any, message: str) -> None:
    with pytest.raises(FormatError) as error:
        _read(texts, entities)
    assert message in str(error.value)


def test_entities_cannot_be_passed_with_documents() -> None:
    with pytest.raises(FormatError, match="leave them out"):
        _read(tiny.documents(1)[0], [(0, 1)])
