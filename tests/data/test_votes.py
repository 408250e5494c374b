"""Votes of several sources: gathering, combining, statistics, and the files that are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from finecl_formats.jsonl import JSONLines
from finecl_labelers.models import DawidSkene, Generative, Majority
from hypothesis import given
from hypothesis import strategies as st

from finecl.data.votes.combining import Table, combine
from finecl.data.votes.files import VoteLabelling
from finecl.data.votes.gathering import gather
from finecl.data.votes.statistics import source_statistics
from finecl.errors import FormatError, PluginError, SettingsError
from finecl.types import Document, Entity, Floats, Label, Mention, Vote, Votes


def document(title: str, labels: Sequence[Label] = (), entities: int = 3) -> Document:
    words = tuple(f"w{n}" for n in range(entities))
    mentions = [Mention(sentence=0, start=n, end=n + 1, name=word) for n, word in enumerate(words)]
    found = tuple(Entity(mentions=(mention,), id=f"Q{n}") for n, mention in enumerate(mentions))
    return Document(title=title, sentences=(words,), entities=found, labels=tuple(labels))


class Fixed:
    """A labeler that gives prepared votes, by the title of the document."""

    def __init__(self, votes: dict[str, list[Vote]]) -> None:
        self._votes = votes

    def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
        for each in documents:
            yield self._votes.get(each.title, [])


def vote(head: int, tail: int, relation: str | None, confidence: float = 1.0, provenance: str = "") -> Vote:
    return Vote(head=head, tail=tail, relation=relation, confidence=confidence, provenance=provenance)


def columns(rows: Sequence[tuple[int, int, int, float]], pairs: int, sources: int, relations: int) -> Votes:
    pair, source, relation, confidence = (np.array(column) for column in zip(*rows, strict=True))
    return Votes(
        pair=pair,
        source=source,
        relation=relation,
        confidence=confidence.astype(np.float32),
        pairs=pairs,
        sources=tuple(f"s{n}" for n in range(sources)),
        relations=tuple(f"r{n}" for n in range(relations)),
    )


def test_majority_is_the_share_of_the_confidences() -> None:
    votes = columns([(0, 0, 0, 1.0), (0, 1, 1, 0.5), (0, 2, 0, 0.5), (1, 0, 2, 0.25)], 2, 3, 2)
    np.testing.assert_allclose(Majority().probabilities(votes), [[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]], atol=1e-4)


def test_pairs_get_all_relations_that_are_equally_probable_and_none_beside_no_relation() -> None:
    rows = [(0, 0, 0, 1.0), (0, 0, 1, 1.0), (1, 0, 0, 1.0), (1, 1, 2, 1.0), (2, 0, 1, 1.0), (2, 1, 0, 0.5)]
    combined = combine(columns(rows, 3, 2, 2), Majority(), "majority")
    assert list(zip(combined.pair.tolist(), combined.relation.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 2),
        (2, 1),
    ]
    np.testing.assert_allclose(combined.probability, [0.5, 0.5, 0.5, 2 / 3], atol=1e-4)


class Odd:
    def __init__(self, values: Floats) -> None:
        self._values = values

    def probabilities(self, votes: Votes) -> Floats:
        return self._values


@pytest.mark.parametrize("values", [np.ones((1, 3)) / 3, np.full((2, 3), 0.5), np.full((2, 3), np.nan)])
def test_label_models_that_break_their_contract_are_named(values: Floats) -> None:
    votes = columns([(0, 0, 0, 1.0), (1, 0, 1, 1.0)], 2, 1, 2)
    with pytest.raises(PluginError, match=r"label model 'odd': expected finite probabilities .* shape \(2, 3\)"):
        combine(votes, Odd(values), "odd")


@given(st.lists(st.tuples(*(st.integers(0, 3),) * 3), min_size=1, max_size=40))
def test_a_table_gives_back_its_votes(rows: list[tuple[int, int, int]]) -> None:
    """Relation 3 is "no relation"; names are numbered in their order, whatever order they come in."""
    table = Table(("a", "b", "c", "d"))
    for number, source, relation in rows:
        given_votes: list[list[Vote]] = [[] for _ in range(4)]
        given_votes[source].append(vote(0, 1, None if relation == 3 else f"r{3 - relation}"))
        table.add(number, given_votes)
    votes = table.votes()
    places = list(table.pairs)
    back = [
        (places[pair][0], source, None if relation == len(votes.relations) else votes.relations[relation])
        for pair, source, relation in zip(votes.pair, votes.source, votes.relation, strict=True)
    ]
    assert back == [(n, s, None if r == 3 else f"r{3 - r}") for n, s, r in rows]
    assert list(votes.relations) == sorted(votes.relations)


def test_statistics_by_hand() -> None:
    # pair 0: both say 0; pair 1: 0 against 1; pair 2: source 0 only; pair 3: source 1 says none
    rows = [(0, 0, 0, 1.0), (0, 1, 0, 1.0), (1, 0, 0, 1.0), (1, 1, 1, 1.0), (2, 0, 1, 1.0), (3, 1, 2, 1.0)]
    right = np.array([True, True, False, True, True, False])
    first, second = source_statistics(columns(rows, 4, 2, 2), right).values()
    assert first == {"votes": 3, "coverage": 0.75, "overlap": 2 / 3, "conflict": 0.5, "accuracy": 2 / 3}
    assert second == {"votes": 3, "coverage": 0.75, "overlap": 2 / 3, "conflict": 0.5, "accuracy": 1.0}
    alone = source_statistics(columns(rows[:1], 1, 2, 2))
    assert alone["s0"] == {"votes": 1, "coverage": 1.0, "overlap": 0.0, "conflict": None}
    assert alone["s1"] == {"votes": 0, "coverage": 0.0, "overlap": None, "conflict": None}


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ([vote(0, 3, "r")], "document 0 \\('a'\\): expected two of 3 entities, from 0, got head 0 and tail 3"),
        ([vote(1, 1, "r")], "got head 1 and tail 1"),
        ([vote(0, 1, "")], "expected a relation, or None for no relation"),
        ([vote(0, 1, "r", 1.5)], "a confidence from 0 to 1, got 'r' with 1.5"),
        ([vote(0, 1, "r", float("nan"))], "got 'r' with nan"),
        ([vote(0, 1, "r"), vote(0, 1, "r", 0.5)], "got head, tail and relation \\(0, 1, 'r'\\) twice"),
    ],
)
def test_faulty_votes_are_named(votes: list[Vote], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        list(gather([document("a")], {"x": Fixed({"a": votes})}))


def test_a_labeler_that_ends_too_early_is_named() -> None:
    class Short:
        def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
            yield []

    with pytest.raises(PluginError, match="labeler 'short': expected votes on document 1, got an end"):
        list(gather([document("a"), document("b")], {"short": Short()}))


def labelling(stated: bool = False) -> VoteLabelling:
    sources = {
        "one": Fixed({"a": [vote(0, 1, "r", 0.9, "why"), vote(1, 2, None)], "b": [vote(0, 1, "r")]}),
        "two": Fixed({"a": [vote(0, 1, "s", 0.3)], "b": [vote(0, 1, "r"), vote(2, 0, "s")]}),
    }
    return VoteLabelling(sources=sources, model=Majority(), name="majority", stated=stated)


def test_files_hold_labels_votes_and_confidences(tmp_path: Path) -> None:
    documents = [document("a", [Label(head=0, tail=1, relation="r")]), document("b"), document("c", entities=0)]
    counts = labelling(stated=True).write(documents, JSONLines(), tmp_path / "out.jsonl")
    written = list(JSONLines().read(tmp_path / "out.jsonl"))
    assert [[(x.head, x.tail, x.relation, x.truth) for x in each.labels] for each in written] == [
        [(0, 1, "r", "r"), (1, 2, "no_relation", "no_relation")],
        [(0, 1, "r", "no_relation"), (2, 0, "s", "no_relation")],
    ]
    labels = pq.read_table(tmp_path / "out.labels.parquet").to_pylist()
    assert [(row["title"], row["head"], row["relation"], row["sources"]) for row in labels] == [
        ("a", 0, "r", "one"),
        ("a", 1, "no_relation", "one"),
        ("b", 0, "r", "one,two"),
        ("b", 2, "s", "two"),
    ]
    assert [row["confidence"] for row in labels] == pytest.approx([0.75, 1, 1, 1], abs=1e-4)
    assert [row["noise"] for row in labels] == pytest.approx([0.25, 0, 0, 0], abs=1e-4)
    votes = pq.read_table(tmp_path / "out.votes.parquet").to_pylist()
    assert len(votes) == 6
    assert votes[0] == {"document": 0, "title": "a", "head": 0, "tail": 1, "relation": "r", "source": "one",
                        "confidence": pytest.approx(0.9), "provenance": "why"}  # fmt: skip
    assert (counts.documents, counts.skipped, counts.pairs, counts.labels, counts.no_relation) == (2, 1, 4, 3, 1)
    assert counts.accuracy == pytest.approx(1 / 3)
    assert counts.sources["one"]["accuracy"] == 0.5
    assert counts.to_dict()["labels_by_relation"] == {"r": 2, "s": 1}


def test_votes_for_the_name_of_no_relation_are_votes_for_none(tmp_path: Path) -> None:
    sources = {"x": Fixed({"a": [vote(0, 1, "none"), vote(1, 2, "r")]}), "y": Fixed({"a": [vote(0, 1, None)]})}
    named = VoteLabelling(sources=sources, model=Majority(), name="majority", no_relation="none")
    counts = named.write([document("a")], JSONLines(), tmp_path / "o.jsonl")
    (written,) = JSONLines().read(tmp_path / "o.jsonl")
    assert [(label.head, label.tail, label.relation) for label in written.labels] == [(0, 1, "none"), (1, 2, "r")]
    assert (counts.labels, counts.no_relation) == (1, 1)
    assert counts.sources["x"]["conflict"] == 0.0


def test_without_stated_labels_no_truth_is_known(tmp_path: Path) -> None:
    counts = labelling().write(
        [document("a", [Label(head=0, tail=1, relation="r")])], JSONLines(), tmp_path / "o.jsonl"
    )
    (written,) = JSONLines().read(tmp_path / "o.jsonl")
    assert {label.truth for label in written.labels} == {None}
    assert counts.accuracy is None
    assert "accuracy" not in counts.sources["one"]


@pytest.mark.parametrize("documents", [[], [document("c", entities=0)]])
def test_nothing_to_label_is_an_error_and_leaves_no_file(documents: list[Document], tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="expected entities in them, got none in"):
        labelling().write(documents, JSONLines(), tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())


def test_a_fault_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    bad = VoteLabelling(sources={"x": Fixed({"b": [vote(0, 9, "r")]})}, model=Majority(), name="majority")
    with pytest.raises(PluginError):
        bad.write([document("a"), document("b")], JSONLines(), tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())


def noisy_votes(seed: int = 0) -> tuple[Votes, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """A good source and three poor ones that vote on all of 400 pairs; returns the votes and the truth."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, 400)
    rows = []
    for source, accuracy in enumerate((0.95, 0.45, 0.45, 0.45)):
        is_right = generator.random(400) < accuracy
        said = np.where(is_right, truth, (truth + generator.integers(1, 3, 400)) % 3)
        rows += [(pair, source, relation, 1.0) for pair, relation in enumerate(said.tolist())]
    return columns(rows, 400, 4, 2), truth


@pytest.mark.parametrize(("name", "library"), [("dawid-skene", "crowdkit"), ("generative", "snorkel")])
def test_models_of_accuracies_beat_the_majority_where_one_source_is_better(name: str, library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed: pip install 'finecl[sources]'")
    votes, truth = noisy_votes()
    model: DawidSkene | Generative = DawidSkene() if name == "dawid-skene" else Generative()
    accuracy = (model.probabilities(votes).argmax(axis=1) == truth).mean()
    majority = (Majority().probabilities(votes).argmax(axis=1) == truth).mean()
    assert accuracy > majority + 0.05, (accuracy, majority)


def test_the_generative_model_needs_three_sources() -> None:
    votes = columns([(0, 0, 0, 1.0), (0, 1, 1, 1.0)], 1, 2, 2)
    with pytest.raises(SettingsError, match="expected at least 3 sources, got 2; add sources, or use majority"):
        Generative().probabilities(votes)
