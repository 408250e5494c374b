"""Tests of marked sentences: positions of markers, selection of pairs, and blanking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.corpus.corpus import Corpus
from finecl.errors import SettingsError
from finecl.extraction.examples import ExtractionDataset
from finecl.pretraining.contrast_groups import SilverData, plain_group
from finecl.tokens.marked_sentences import MarkedSentences, entity_keys, read_pairs
from finecl.tokens.markers import ADDED, UNUSED, Markers, blanked, marked_pairs
from finecl.tokens.token_rows import TokenBatch
from finecl.tokens.token_table import reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Document, Entity, Mention
from tests.conftest import LoadTiny
from tests.helpers import tiny

MARKERS = Markers(start=(90, 92), end=(91, 93), blank=94)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """Generates the length of a sentence and two spans in it that do not overlap, in either order."""
    cuts = sorted(draw(st.sets(st.integers(0, 12), min_size=3, max_size=4)))
    first, second = (cuts[0], cuts[1]), (cuts[-2], cuts[-1])
    return 12, draw(st.permutations([first, second]))


def plainly(ids: Sequence[int], head: tuple[int, int], tail: tuple[int, int]) -> list[int]:
    """Returns the marked sentence as words."""
    out: list[int] = []
    for place in range(len(ids) + 1):
        out += [91] * (place == head[1]) + [93] * (place == tail[1])
        out += [90] * (place == head[0]) + [92] * (place == tail[0])
        out += [ids[place]] if place < len(ids) else []
    return out


@given(spans())
def test_markers_stand_around_both_mentions(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    length, (head, tail) = drawn
    ids = np.arange(1, length + 1)
    marked, place = MARKERS.insert(ids, np.array([head, tail]))
    assert marked.tolist() == plainly(ids.tolist(), head, tail)
    assert marked[place].tolist() == [90, 92]


def sentence(*labels: tuple[int, str, int]) -> Document:
    return tiny.document("one", ["Ada Lovelace met Charles Babbage .", "Ada Lovelace left ."], NAMES, *labels)


NAMES = ["Ada Lovelace", "Charles Babbage"]


def test_a_pair_is_marked_in_the_first_sentence_that_names_both() -> None:
    late = replace(sentence((1, "met", 0)), sentences=(("Ada", "left"), *sentence().sentences))
    shift = [
        Entity(mentions=tuple(replace(m, sentence=m.sentence + 1) for m in entity.mentions)) for entity in late.entities
    ]
    moved = replace(late, entities=tuple(shift))
    ((head, tail, at_head, at_tail),) = marked_pairs(moved)
    assert (head, tail, at_head.sentence, at_tail.sentence) == (1, 0, 1, 1)
    assert (at_head.start, at_tail.start) == (3, 0)


def test_each_direction_is_a_pair_of_its_own_and_two_labels_of_one_are_not() -> None:
    both = sentence((0, "met", 1), (1, "met", 0), (0, "knew", 1))
    assert [(head, tail) for head, tail, *_ in marked_pairs(both)] == [(0, 1), (1, 0)]


def test_pairs_that_no_sentence_holds_are_left_out() -> None:
    apart = tiny.document("two", ["Ada left .", "Babbage stayed ."], ["Ada", "Babbage"], (0, "met", 1))
    assert not list(marked_pairs(apart))


def marked_spans(*places: tuple[int, int]) -> tuple[Entity, ...]:
    return tuple(Entity(mentions=(Mention(sentence=0, start=a, end=b, name="x"),)) for a, b in places)


def test_pairs_of_nested_and_overlapping_mentions_have_a_sentence() -> None:
    nested = replace(sentence((0, "part of", 1)), entities=marked_spans((0, 2), (1, 2)))
    assert [(head, tail) for head, tail, *_ in marked_pairs(nested)] == [(0, 1)]
    again = Entity(mentions=(*nested.entities[1].mentions, Mention(sentence=0, start=2, end=3, name="x")))
    ((_, _, _, tail),) = marked_pairs(replace(nested, entities=(nested.entities[0], again)))
    assert (tail.start, tail.end) == (2, 3)  # rather the mention that does not overlap


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        ((0, 3), (1, 2), "( 0 [ 1 ] 2 ) 3"),
        ((1, 2), (0, 3), "[ 0 ( 1 ) 2 ] 3"),
        ((0, 3), (0, 1), "( [ 0 ] 1 2 ) 3"),
        ((2, 3), (0, 3), "[ 0 1 ( 2 ) ] 3"),
        ((0, 2), (0, 2), "( [ 0 1 ] ) 2 3"),
        ((0, 2), (1, 3), "( 0 [ 1 ) 2 ] 3"),
        ((2, 3), (0, 2), "[ 0 1 ] ( 2 ) 3"),
    ],
)
def test_markers_of_nested_mentions_are_nested(head: tuple[int, int], tail: tuple[int, int], expected: str) -> None:
    marks = Markers(start=(10, 11), end=(12, 13), blank=14)
    ids, place = marks.insert(np.arange(4), np.array([head, tail]))
    shown = {10: "(", 11: "[", 12: ")", 13: "]"}
    assert " ".join(shown.get(i, str(i)) for i in ids.tolist()) == expected
    assert ids[place].tolist() == [10, 11]


def test_a_blank_never_removes_the_other_mentions_markers(tokenizer: DocumentTokenizer) -> None:
    assert tokenizer.markers
    words = ("Ada", "Babbage", "Curie", "met", "Darwin")
    documents = [Document(title="a", sentences=(words,), entities=marked_spans(*both)) for both in
                 (((0, 3), (1, 2)), ((0, 2), (0, 2)), ((0, 2), (1, 3)), ((0, 1), (4, 5)))]  # fmt: skip
    columns = read_pairs(documents, tokenizer, tokenizer.markers)
    for number, expected in enumerate((1, 1, 0, 2)):
        rows = TokenBatch(
            ids=np.array(columns["input_ids"][number]), lengths=np.array([len(columns["input_ids"][number])]),
            start=columns["mention_start"][number], end=columns["mention_end"][number],
            entity=columns["mention_entity"][number], mentions=np.array([2]),
            sentence=np.zeros(len(columns["input_ids"][number]), dtype=np.int64),
        )  # fmt: skip
        blank = blanked(rows, np.arange(1), 1.0, tokenizer.markers, seed=1, step=1)
        assert int((blank.ids == tokenizer.markers.blank).sum()) == expected
        assert np.isin(blank.ids, [*tokenizer.markers.start, *tokenizer.markers.end]).sum() == 4
        assert set(blank.ids[blank.start].tolist()) == set(tokenizer.markers.start)


def test_two_entities_without_a_label_are_a_pair_and_three_are_not() -> None:
    assert [(head, tail) for head, tail, *_ in marked_pairs(sentence())] == [(0, 1)]
    assert not list(marked_pairs(tiny.document("three", ["Ada met Bea and Cleo ."], ["Ada", "Bea", "Cleo"])))


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert"])
def test_every_family_has_markers_or_gets_them(load_tiny: LoadTiny, models: dict[str, Path], family: str) -> None:
    from finecl.config.schema import ModelSettings
    from finecl.models.pretrained import load_encoder

    encoder, tokenizer, _ = load_encoder(ModelSettings(name=str(models[family]), device="cpu"), markers=True)
    assert tokenizer.markers
    words = tokenizer.hf_tokenizer.convert_ids_to_tokens(
        [*tokenizer.markers.start, *tokenizer.markers.end, tokenizer.markers.blank]
    )
    first_head, first_tail, *others = words
    assert {first_head, first_tail, *others} in ({*UNUSED}, {*ADDED})
    assert encoder.model.get_input_embeddings().num_embeddings > max(*tokenizer.markers.end, tokenizer.markers.blank)  # type: ignore[operator]


@pytest.fixture(scope="module")
def tokenizer(load_tiny: LoadTiny) -> DocumentTokenizer:
    _, plain = load_tiny()
    tokens = plain.hf_tokenizer
    tokens.add_tokens(list(ADDED), special_tokens=True)
    return DocumentTokenizer(tokens, 64, Markers.of(tokens))


def read(
    documents: Sequence[Document], tokenizer: DocumentTokenizer, directory: Path
) -> tuple[Corpus, MarkedSentences, ExtractionDataset]:
    corpus = Corpus.from_documents(documents, directory / "corpus.arrow")
    tokens = MarkedSentences.of(corpus, tokenizer, directory)
    return (
        corpus,
        tokens,
        ExtractionDataset(tokens=tokens, instances=tokens.instances(corpus.instances(corpus.relations))),
    )


def test_a_row_reads_as_the_marked_sentence(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    _, tokens, data = read([sentence((1, "met", 0), (1, "knew", 0))], tokenizer, tmp_path)
    rows = tokens.rows(np.array([0]))
    words = tokenizer.hf_tokenizer.convert_ids_to_tokens(rows.ids.tolist())
    assert [words[at] for at in rows.start] == ["[E1]", "[E2]"]
    assert words.index("[E2]") < words.index("[/E2]") < words.index("[E1]") < words.index("[/E1]")
    assert (data.instances.head.tolist(), data.instances.tail.tolist()) == ([0, 0], [1, 1])
    assert (tokens.head.tolist(), tokens.tail.tolist(), tokens.document.tolist()) == ([1], [0], [0])


def test_instances_keep_their_uids_and_lose_those_without_a_sentence(
    tokenizer: DocumentTokenizer, tmp_path: Path
) -> None:
    apart = tiny.document("two", ["Ada left .", "Babbage stayed ."], ["Ada", "Babbage"], (0, "met", 1))
    documents = [sentence((1, "met", 0)), apart, sentence((0, "met", 1), (1, "knew", 0))]
    corpus, tokens, data = read(documents, tokenizer, tmp_path)
    instances = corpus.instances(corpus.relations)
    marked = instances.document != 1
    assert set(data.instances.uid.tolist()) == set(instances.uid[marked].tolist())
    assert (np.diff(data.instances.document) >= 0).all()
    where = dict(
        zip(instances.uid.tolist(), zip(instances.document.tolist(), instances.head.tolist(), strict=True), strict=True)
    )
    for uid, row, relation in zip(
        data.instances.uid.tolist(), data.instances.document.tolist(), data.instances.relation.tolist(), strict=True
    ):
        assert where[uid] == (tokens.document[row], tokens.head[row])
        assert instances.relation[instances.uid == uid] == relation


def test_a_corpus_without_such_sentences_is_refused(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    apart = tiny.document("two", ["Ada left .", "Babbage stayed ."], ["Ada", "Babbage"], (0, "met", 1))
    with pytest.raises(SettingsError, match="entity pairs with mentions in one sentence, found none"):
        read([apart], tokenizer, tmp_path)


def test_mentions_beyond_the_reach_are_lost(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    far = tiny.document("far", [" ".join(["Ada", *["x"] * 90, "Babbage"])], ["Ada", "Babbage"], (0, "met", 1))
    _, tokens, data = read([far, sentence((0, "met", 1))], tokenizer, tmp_path)
    assert tokens.lengths.max() <= 64
    assert reached(data.instances, tokens).tolist() == [False, True]


def test_the_same_entity_has_the_same_key(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    other = tiny.document("other", ["charles babbage met Ada Lovelace ."], ["charles babbage", "Ada Lovelace"])
    known = Entity(mentions=sentence().entities[0].mentions, id="Q7259")
    named = replace(sentence((0, "met", 1)), entities=(known, sentence().entities[1]))
    corpus, tokens, _ = read([sentence((1, "met", 0)), other, named], tokenizer, tmp_path)
    keys, first = entity_keys(corpus.entities.key, corpus.entities.first, tokens)
    (babbage, ada), (second_babbage, second_ada), (q7259, third_babbage) = keys.reshape(-1, 2).tolist()
    assert babbage == second_babbage == third_babbage != ada == second_ada != q7259
    assert first.tolist() == [0, 2, 4]


def rows_of(tokenizer: DocumentTokenizer, tmp_path: Path, count: int = 40) -> tuple[TokenBatch, MarkedSentences]:
    documents = [
        tiny.document(str(n), ["Ada Lovelace met Charles Babbage ."], NAMES, (n % 2, "met", 1 - n % 2))
        for n in range(count)
    ]
    _, tokens, _ = read(documents, tokenizer, tmp_path)
    return tokens.rows(np.arange(count)), tokens


def test_blanking_replaces_whole_mentions_and_nothing_else(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    rows, _ = rows_of(tokenizer, tmp_path)
    assert tokenizer.markers
    subset = blanked(rows, np.arange(40), 0.5, tokenizer.markers, seed=3, step=7)
    kinds = set()
    for row in range(40):
        before, after = (
            tokenizer.hf_tokenizer.convert_ids_to_tokens(np.split(r.ids, np.cumsum(r.lengths))[row].tolist())
            for r in (rows, subset)
        )
        gone = []
        expected = before
        for name in ("E1", "E2"):
            start, end = expected.index(f"[{name}]") + 1, expected.index(f"[/{name}]")
            if after[after.index(f"[{name}]") + 1] == "[BLANK]":
                expected = [*expected[:start], "[BLANK]", *expected[end:]]
                gone.append(name)
        assert after == expected
        kinds.add(tuple(gone))
        places = subset.start[2 * row : 2 * row + 2]
        assert [after[at] for at in places] == ["[E1]", "[E2]"]
    assert kinds == {(), ("E1",), ("E2",), ("E1", "E2")}
    assert (subset.end == subset.start + 1).all()


def test_blanking_draws_each_mention_with_its_probability_anew_each_step(
    tokenizer: DocumentTokenizer, tmp_path: Path
) -> None:
    rows, _ = rows_of(tokenizer, tmp_path)
    assert tokenizer.markers
    blanks = [
        int((blanked(rows, np.arange(40), 0.7, tokenizer.markers, seed=0, step=s).ids == tokenizer.markers.blank).sum())
        for s in range(100)
    ]
    share = sum(blanks) / (100 * 80)
    assert abs(share - 0.7) < 4.5 * (0.7 * 0.3 / 8000) ** 0.5
    assert len(set(blanks)) > 5


def test_a_row_is_blanked_the_same_whatever_stands_beside_it(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    rows, tokens = rows_of(tokenizer, tmp_path)
    assert tokenizer.markers
    whole = blanked(rows, np.arange(40), 0.5, tokenizer.markers, seed=1, step=2)
    subset = np.array([3, 17, 30])
    alone = blanked(tokens.rows(subset), subset, 0.5, tokenizer.markers, seed=1, step=2)
    pieces = np.split(whole.ids, np.cumsum(whole.lengths))
    assert alone.ids.tolist() == np.concatenate([pieces[row] for row in subset]).tolist()


def test_a_step_contrasts_one_pair_a_sentence(tokenizer: DocumentTokenizer, tmp_path: Path) -> None:
    documents = [sentence((0, "met", 1)), sentence((1, "knew", 0), (1, "met", 0)), sentence()]
    corpus, tokens, data = read(documents, tokenizer, tmp_path)
    keys, first = entity_keys(corpus.entities.key, corpus.entities.first, tokens)
    silver = SilverData(
        tokens=tokens,
        instances=data.instances,
        weight=np.ones(3, dtype=np.float32),
        unscored=1.0,
        relation_tokens=[],
        usable=reached(data.instances, tokens),
        entity_key=keys,
        first_entity=first,
        blanking=1.0,
    )
    group = plain_group(silver, np.arange(3), tokenizer, no_relation_pairs=5, seed=0, step=0)
    table = group.units["pair"].table
    assert sorted(zip(table.document.tolist(), table.relation.tolist(), strict=True)) == [
        (0, 1),
        (1, 0),
        (1, 1),
        (2, -1),
    ]
    assert (table.head == 0).all()
    assert (table.tail == 1).all()
    head_key = dict(zip(table.document.tolist(), table.head_key.tolist(), strict=True))
    assert head_key[0] == head_key[2] != head_key[1]
    assert tokenizer.markers
    assert (group.packed.ids_T == tokenizer.markers.blank).sum() == 6
