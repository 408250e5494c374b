"""Tokenizers without special tokens at the ends of texts: the same sub-words, mentions, sentences, windows, queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finecl_benchmarks.tiny_encoders import tokenizer_of

from finecl.tokens.markers import Markers
from finecl.tokens.packing import with_queries
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.tokens.windows import document_rows, every_pair, sentence_rows
from tests.helpers import tiny

ENDS = {"both": (1, 1), "first": (1, 0), "last": (0, 1), "neither": (0, 0)}
LONG = tiny.document("long", ["Ada met Babbage .", "Curie was born in the house of Darwin .", "Ada met Euler"] * 3,
                     ["Ada", "Babbage", "Curie", "Darwin", "Euler"])  # fmt: skip


def with_ends(ends: str, room: int) -> DocumentTokenizer:
    """Returns a tokenizer that has some of the special tokens at the ends, and room for so many sub-words."""
    hf_tokenizer = tokenizer_of("bert")
    hf_tokenizer.add_tokens(["[E1]", "[/E1]", "[E2]", "[/E2]", "[BLANK]"], special_tokens=True)
    first, last = ENDS[ends]
    if not first:
        hf_tokenizer.cls_token = None
    if not last:
        hf_tokenizer.sep_token = None
    return DocumentTokenizer(hf_tokenizer, room + first + last, Markers.of(hf_tokenizer))


def stripped(ids: Any, ends: str) -> list[int]:
    first, last = ENDS[ends]
    return list(ids)[first : len(ids) - last]


@pytest.mark.parametrize("ends", ENDS)
def test_windows_hold_the_same_words_mentions_and_sentences(ends: str) -> None:
    expected, rows = (
        list(document_rows([LONG], [every_pair(LONG)], with_ends(kind, 30))) for kind in ("both", ends)
    )  # fmt: skip
    assert len(rows) == len(expected) > 2
    first, last = ENDS[ends]
    for row, usual in zip(rows, expected, strict=True):
        assert stripped(row.ids, ends) == usual.ids[1:-1].tolist()
        assert (row.start - first).tolist() == (usual.start - 1).tolist()
        assert (row.end - first).tolist() == (usual.end - 1).tolist()
        assert stripped(row.sentence, ends) == usual.sentence[1:-1].tolist()
        assert len(row.sentence) == len(row.ids) == 30 + first + last


@pytest.mark.parametrize("ends", ENDS)
def test_marked_sentences_and_documents_begin_and_end_as_the_tokenizer_has_it(ends: str) -> None:
    tokenizer, usual = with_ends(ends, 25), with_ends("both", 25)
    first = ENDS[ends][0]
    marked, other = (list(sentence_rows([LONG], [every_pair(LONG)], each)) for each in (tokenizer, usual))
    assert [stripped(row.ids, ends) for row in marked] == [row.ids[1:-1].tolist() for row in other]
    assert [(row.start - first).tolist() for row in marked] == [(row.start - 1).tolist() for row in other]
    whole, plain = tokenizer.read([LONG]), usual.read([LONG])
    assert stripped(whole["input_ids"][0], ends) == plain["input_ids"][0][1:-1]
    for column in ("mention_start", "mention_end"):
        assert (whole[column][0] - first).tolist() == (plain[column][0] - 1).tolist()
    starts, usual_starts = whole["sentence_start"][0].tolist(), plain["sentence_start"][0].tolist()
    assert starts == [0, *(start - 1 + first for start in usual_starts[1:])]


@pytest.mark.parametrize("ends", ENDS)
def test_queries_stand_before_the_text_and_nothing_moves_beyond_the_limit(ends: str, tmp_path: Path) -> None:
    tokenizer = with_ends(ends, 40)
    rows = tiny.labelled([LONG], tokenizer, tmp_path).tokens.rows(np.array([0]))
    query = [41, 42, 43]
    queried = with_queries(rows, [query], tokenizer)
    first, last = ENDS[ends]
    separator = [tokenizer.last] if tokenizer.last is not None else []
    body = [*query, *separator, *stripped(rows.ids, ends)]
    assert queried.ids.tolist() == [*([tokenizer.first] * first), *body][: first + 40] + separator
    shift = len(query) + last
    kept = rows.end + shift <= tokenizer.max_length - last
    assert 0 < kept.sum() < len(kept)
    assert queried.start.tolist() == (rows.start[kept] + shift).tolist()
    for start, end, old in zip(queried.start, queried.end, rows.start[kept], strict=True):
        assert queried.ids[start:end].tolist() == rows.ids[old : old + end - start].tolist()
    assert len(queried.sentence) == len(queried.ids) == tokenizer.max_length


def test_a_text_that_gives_no_token_has_one_all_the_same(tmp_path: Path) -> None:
    empty = tiny.document("empty", ["\u200b"], ["\u200b"])  # removed by the normaliser
    tokenizer = with_ends("neither", 10)
    rows = tiny.labelled([empty, LONG], tokenizer, tmp_path).tokens.rows(np.array([0, 1]))
    assert rows.lengths.tolist() == [1, 10]
    assert rows.ids[0] == tokenizer.hf_tokenizer.unk_token_id
