"""Tests of the corpus: documents round-trip, faults are named, and the uids of labels are stable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from finecl.corpus.corpus import Corpus, check_document, rare_relations, split_documents
from finecl.corpus.relation_names import read_relation_names
from finecl.errors import FormatError, SettingsError
from finecl.types import Document, Entity, Format, Label, Mention


def entity(*places: tuple[int, int, int], identity: str | None = None) -> Entity:
    mentions = tuple(Mention(sentence=s, start=a, end=b, name="name", type="PER") for s, a, b in places)
    return Entity(mentions=mentions, id=identity)


def label(head: int, tail: int, relation: str, **more: str | tuple[int, ...]) -> Label:
    return Label(head=head, tail=tail, relation=relation, **more)  # type: ignore[arg-type]


DOCUMENT = Document(
    title="Ada",
    sentences=(("Ada", "met", "Charles", "."), ("She", "wrote", "to", "Mary", ".")),
    entities=(entity((0, 0, 1), (1, 0, 1), identity="Q1"), entity((0, 2, 3)), entity((1, 3, 4))),
    labels=(
        label(0, 1, "friend", evidence=(0,), truth="friend"),
        label(0, 1, "teacher", truth="friend"),
        label(2, 0, "friend", truth="no_relation"),
    ),
)
OTHER = replace(DOCUMENT, title="Other", labels=(label(1, 2, "author"), label(1, 0, "no_relation")))


def corpus_of(tmp_path: Path, *documents: Document) -> Corpus:
    return Corpus.from_documents(documents, tmp_path / "corpus.arrow")


# ---------------------------------------------------------------- what goes in comes out


def test_documents_come_back_as_they_were(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, DOCUMENT, OTHER)
    assert len(corpus) == 2
    assert list(corpus.documents()) == [DOCUMENT, OTHER]
    assert corpus.document(1) == OTHER


def test_many_documents_are_streamed(tmp_path: Path) -> None:
    alive = 0

    def documents() -> Iterator[Document]:
        nonlocal alive
        for number in range(700):
            alive += 1
            yield replace(DOCUMENT, title=str(number))

    corpus = Corpus.from_documents(documents(), tmp_path / "corpus.arrow")
    assert alive == len(corpus) == 700
    assert [d.title for d in corpus.documents()] == [str(n) for n in range(700)]


def test_relations_leave_no_relation_out(tmp_path: Path) -> None:
    corpus = Corpus.from_documents([OTHER, DOCUMENT], tmp_path / "c.arrow", names={"author": "author of"})
    assert corpus.relations == ("author", "friend", "teacher")
    assert corpus.names == {"author": "author of", "friend": "friend", "teacher": "teacher"}
    assert corpus.select([0]).relations == ("author",)


def test_another_name_for_no_relation(tmp_path: Path) -> None:
    corpus = Corpus.from_documents([DOCUMENT], tmp_path / "c.arrow", no_relation="friend")
    assert corpus.relations == ("teacher",)
    assert len(corpus.instances(["teacher"])) == 1


def test_nothing_is_left_beside_a_failed_corpus(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        corpus_of(tmp_path, DOCUMENT, replace(DOCUMENT, sentences=()))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_corpus_leaves_the_old_one(tmp_path: Path) -> None:
    corpus_of(tmp_path, DOCUMENT)
    with pytest.raises(FormatError):
        corpus_of(tmp_path, replace(DOCUMENT, sentences=()))
    files = {p.name for p in tmp_path.iterdir()}
    assert files == {"corpus.arrow", "corpus.arrow.sha256", "corpus.json", "lock"}


# ---------------------------------------------------------------- instances


def test_instances_are_the_labels_in_order(tmp_path: Path) -> None:
    instances = corpus_of(tmp_path, OTHER, DOCUMENT).instances(["teacher", "friend", "author"])
    assert instances.relations == ("teacher", "friend", "author")
    assert instances.document.tolist() == [0, 1, 1, 1]
    assert instances.head.tolist() == [1, 0, 0, 2]
    assert instances.tail.tolist() == [2, 1, 1, 0]
    assert instances.relation.tolist() == [2, 1, 0, 1]
    assert instances.pair.tolist() == [0, 1, 1, 2]
    assert instances.uid.dtype == np.uint64


def test_pairs_of_equal_entities_in_different_documents_differ(tmp_path: Path) -> None:
    instances = corpus_of(tmp_path, DOCUMENT, replace(DOCUMENT, title="b")).instances(["friend", "teacher"])
    assert instances.pair.tolist() == [0, 0, 1, 2, 2, 3]


def test_instances_of_a_selection_count_its_documents(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, OTHER, DOCUMENT, replace(DOCUMENT, title="third"))
    relations = corpus.relations
    whole, part = corpus.instances(relations), corpus.select([2, 0]).instances(relations)
    assert part.document.tolist() == [0, 0, 0, 1]
    assert part.uid.tolist() == [*whole.uid[whole.document == 2], *whole.uid[whole.document == 0]]


@pytest.mark.parametrize("chosen", [[], [0], [1, 2]])
def test_selections_of_any_kind_have_instances(tmp_path: Path, chosen: list[int]) -> None:
    corpus = corpus_of(tmp_path, *(replace(DOCUMENT, title=t) for t in "abc"))
    part = corpus.select(chosen)
    assert len(part.instances(["friend", "teacher"])) == 3 * len(chosen)
    assert [d.title for d in part.documents()] == ["abc"[i] for i in chosen]


def test_an_unknown_relation_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"got 'author'; the nearest is 'authors'"):
        corpus_of(tmp_path, OTHER).instances(["teacher", "authors"])


def test_truths_compare_what_is_claimed_with_what_is_stated(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, DOCUMENT)
    truths = corpus.truths(["friend", "teacher"])
    assert truths is not None
    assert truths.dtype == np.bool_
    assert truths.tolist() == [True, False, False]


def test_truths_are_none_where_one_is_missing(tmp_path: Path) -> None:
    assert corpus_of(tmp_path, DOCUMENT, OTHER).truths(["author", "friend", "teacher"]) is None


def test_rare_relations(tmp_path: Path) -> None:
    instances = corpus_of(tmp_path, DOCUMENT).instances(["author", "friend", "teacher"])
    assert rare_relations(instances) == ["teacher"]
    assert rare_relations(instances, below=3) == ["friend", "teacher"]


# ---------------------------------------------------------------- uids and fingerprints


def uids(tmp_path: Path, *documents: Document) -> list[int]:
    return [int(uid) for uid in corpus_of(tmp_path, *documents).instances(["author", "friend", "teacher"]).uid]


def test_uids_survive_shuffling_and_other_labels(tmp_path: Path) -> None:
    first, other = uids(tmp_path, DOCUMENT), uids(tmp_path, OTHER)
    assert uids(tmp_path, OTHER, DOCUMENT) == other + first
    assert uids(tmp_path, replace(DOCUMENT, labels=DOCUMENT.labels[::-1])) == first[::-1]


def test_uids_do_not_depend_on_the_order_of_mentions_or_entities(tmp_path: Path) -> None:
    ada, charles, mary = DOCUMENT.entities
    turned = replace(ada, mentions=ada.mentions[::-1])
    same = replace(DOCUMENT, entities=(charles, turned, mary), labels=(label(1, 0, "friend"),))
    assert uids(tmp_path, same) == uids(tmp_path, DOCUMENT)[:1]


@pytest.mark.parametrize(
    "changed",
    [
        replace(DOCUMENT, title="Eve"),
        replace(DOCUMENT, sentences=(("Eve", "met", "Charles", "."), DOCUMENT.sentences[1])),
        replace(DOCUMENT, entities=(entity((0, 0, 2)), entity((0, 2, 4)), DOCUMENT.entities[2])),
    ],
)
def test_uids_change_with_the_content(tmp_path: Path, changed: Document) -> None:
    assert not set(uids(tmp_path, changed)[:2]) & set(uids(tmp_path, DOCUMENT))


def test_uids_of_repeated_documents_are_distinct(tmp_path: Path) -> None:
    repeated = uids(tmp_path, DOCUMENT, DOCUMENT, DOCUMENT)
    assert len(set(repeated)) == 9
    assert repeated[:3] == uids(tmp_path, DOCUMENT)


def test_uids_are_pinned(tmp_path: Path) -> None:
    """Other versions of finecl find scores by uid, so a change of uids needs a new schema version."""
    text = '["Ada",[["Ada","met","Charles","."],["She","wrote","to","Mary","."]]]'
    pair = '[[[0,0,1],[1,0,1]],[[0,2,3]],"friend"]'
    expected = hashlib.blake2b((text + pair).encode(), digest_size=8).hexdigest()
    assert f"{uids(tmp_path, DOCUMENT)[0]:016x}" == expected == "43416a7186620565"


def test_the_fingerprint_is_that_of_content_and_order(tmp_path: Path) -> None:
    one = corpus_of(tmp_path / "1", DOCUMENT, OTHER)
    assert corpus_of(tmp_path / "2", DOCUMENT, OTHER).fingerprint == one.fingerprint
    assert corpus_of(tmp_path / "3", OTHER, DOCUMENT).fingerprint != one.fingerprint
    relabelled = replace(OTHER, labels=OTHER.labels[:1])
    assert corpus_of(tmp_path / "4", DOCUMENT, relabelled).fingerprint != one.fingerprint
    assert one.select([0]).fingerprint not in (one.fingerprint, one.select([1]).fingerprint)
    assert one.select([0]).fingerprint == one.select([0]).fingerprint


def test_the_fingerprint_changes_with_names_and_no_relation(tmp_path: Path) -> None:
    path = tmp_path / "c.arrow"
    corpora = [
        Corpus.from_documents([DOCUMENT], path),
        Corpus.from_documents([DOCUMENT], path, names={"friend": "is a friend of"}),
        Corpus.from_documents([DOCUMENT], path, no_relation="friend"),
    ]
    assert len({corpus.fingerprint for corpus in corpora}) == 3


# ---------------------------------------------------------------- what is refused


def with_mention(sentence: int, start: int, end: int) -> Document:
    return replace(DOCUMENT, entities=(entity((sentence, start, end)), *DOCUMENT.entities[1:]))


def with_label(**fields: object) -> Document:
    return replace(DOCUMENT, labels=(replace(DOCUMENT.labels[0], **fields),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (replace(DOCUMENT, sentences=()), r"sentences: expected at least one with words, got none"),
        (replace(DOCUMENT, sentences=((), ())), r"sentences: expected at least one with words, got none"),
        (with_mention(0, 3, 5), r"entity 0 \('name'\), words: expected 0 <= start < end <= 4.*got \[3, 5\)"),
        (with_mention(0, 2, 1), r"got \[2, 1\)"),
        (with_mention(0, 2, 2), r"got \[2, 2\)"),
        (with_mention(0, -1, 2), r"got \[-1, 2\)"),
        (with_mention(2, 0, 1), r"sentence: expected a sentence from 0 to 1, got 2"),
        (with_mention(-1, 0, 1), r"sentence: expected a sentence from 0 to 1, got -1"),
        (replace(DOCUMENT, entities=(entity(), *DOCUMENT.entities)), r"entity 0, mentions: expected at least one"),
        (with_label(head=3), r"label 0, head: expected one of the 3 entities, counted from 0, got 3"),
        (with_label(tail=-1), r"label 0, tail: expected one of the 3 entities, counted from 0, got -1"),
        (with_label(tail=0), r"label 0, tail: expected another entity than the head, got 0 for both"),
        (with_label(relation=" "), r"label 0, relation: expected the name of a relation, got ' '"),
        (with_label(evidence=(0, 2)), r"label 0, evidence: expected sentences from 0 to 1, got 2"),
        (replace(DOCUMENT, labels=DOCUMENT.labels[:1] * 2), r"label 0, relation: expected 'friend' once a pair"),
    ],
)
def test_an_invalid_document_is_refused(document: Document, message: str) -> None:
    with pytest.raises(FormatError, match=r"^here, .*" + message) as caught:
        check_document(document, "here")
    assert "; " in str(caught.value)  # what to do
    assert "\n" not in str(caught.value)


def test_a_valid_document_passes() -> None:
    check_document(DOCUMENT, "here")
    check_document(replace(DOCUMENT, entities=(), labels=()), "here")


def test_an_invalid_document_is_named_by_number_and_title(tmp_path: Path) -> None:
    bad = replace(OTHER, sentences=())
    with pytest.raises(FormatError, match=r"^dev\.json: document 2 \('Other'\), sentences"):
        Corpus.from_documents([DOCUMENT, bad], tmp_path / "c.arrow", source="dev.json")


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"^documents: expected documents with entities, got none"):
        corpus_of(tmp_path)


def test_a_document_without_entities_is_refused_or_left_out(tmp_path: Path) -> None:
    empty = Document(title="empty", sentences=(("a",),), entities=())
    with pytest.raises(FormatError, match=r"document 1 \('empty'\), entities: expected at least one"):
        corpus_of(tmp_path, empty, DOCUMENT)
    corpus = Corpus.from_documents([empty, DOCUMENT], tmp_path / "c.arrow", on_empty="skip")
    assert list(corpus.documents()) == [DOCUMENT]
    with pytest.raises(FormatError, match="got none"):
        Corpus.from_documents([empty], tmp_path / "d.arrow", on_empty="skip")


@pytest.mark.parametrize("field", ["title", "name"])
def test_half_a_surrogate_pair_is_refused(tmp_path: Path, field: str) -> None:
    mention = Mention(sentence=0, start=0, end=1, name="\ud800" if field == "name" else "x")
    title = "\ud800" if field == "title" else "x"
    document = replace(DOCUMENT, title=title, entities=(Entity(mentions=(mention,)),), labels=())
    with pytest.raises(FormatError, match=r"expected Unicode text, got '\\ud800'"):
        corpus_of(tmp_path, document)


# ---------------------------------------------------------------- the cache


@dataclass(frozen=True, kw_only=True)
class Titles(Format):
    """A format of the tests: each line is the title of a document."""

    suffix: str = ""

    def recognises(self, path: Path) -> bool:
        return True

    def read(self, path: Path) -> Iterator[Document]:
        READ.append(path)
        for title in path.read_text().split():
            yield replace(DOCUMENT, title=title + self.suffix)

    def write(self, documents: object, path: Path) -> None:
        raise NotImplementedError


READ: list[Path] = []


def test_a_file_is_converted_once(tmp_path: Path) -> None:
    READ.clear()
    file, cache = tmp_path / "a.titles", tmp_path / "cache"
    file.write_text("a b")
    first = Corpus.read(file, Titles(), cache)
    again = Corpus.read(file, Titles(), cache, no_relation="friend")
    assert len(READ) == 1
    assert first.fingerprint != again.fingerprint  # no_relation counts, though the file is read once
    assert [d.title for d in again.documents()] == ["a", "b"]
    assert again.relations == ("teacher",)
    moved = file.rename(tmp_path / "moved")
    assert Corpus.read(moved, Titles(), cache).fingerprint == first.fingerprint
    assert len(READ) == 1


def test_a_changed_file_or_format_is_read_again(tmp_path: Path) -> None:
    READ.clear()
    file, cache = tmp_path / "a.titles", tmp_path / "cache"
    file.write_text("a b")
    Corpus.read(file, Titles(), cache)
    assert [d.title for d in Corpus.read(file, Titles(suffix="!"), cache).documents()] == ["a!", "b!"]
    Corpus.read(file, Titles(), cache, on_empty="skip")
    file.write_text("a c")
    assert [d.title for d in Corpus.read(file, Titles(), cache).documents()] == ["a", "c"]
    assert len(READ) == 4


def test_an_unfinished_cache_is_not_used(tmp_path: Path) -> None:
    file, cache = tmp_path / "a.titles", tmp_path / "cache"
    file.write_text("a")
    first = Corpus.read(file, Titles(), cache).fingerprint
    for note in cache.rglob("*.json"):
        note.unlink()
    assert Corpus.read(file, Titles(), cache).fingerprint == first


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"nowhere: expected a readable file, got 'No such file"):
        Corpus.read(tmp_path / "nowhere", Titles(), tmp_path)


# ---------------------------------------------------------------- splitting, and names of relations


def test_splits_are_disjoint_complete_and_repeatable(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, *(replace(DOCUMENT, title=str(n)) for n in range(20)))

    def titles(seed: int) -> list[list[str]]:
        return [[d.title for d in part.documents()] for part in split_documents(corpus, (0.6, 0.25, 0.15), seed)]

    parts = titles(3)
    assert [len(part) for part in parts] == [12, 5, 3]
    assert sorted(int(t) for part in parts for t in part) == list(range(20))
    assert titles(3) == parts
    assert titles(4) != parts


@pytest.mark.parametrize("shares", [(), (0.5, 0.6), (1.5, -0.5), (0.5, 0.3)])
def test_shares_that_are_none_are_refused(tmp_path: Path, shares: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="expected positive shares that add up to 1"):
        split_documents(corpus_of(tmp_path, DOCUMENT, OTHER), shares, 0)


def test_too_few_documents_to_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected a document for each share"):
        split_documents(corpus_of(tmp_path, DOCUMENT, OTHER), (0.6, 0.2, 0.2), 0)


@pytest.mark.parametrize("content", [{"P6": "head"}, [{"id": "P6", "name": "head", "desc": "of a state"}]])
def test_relation_names_of_both_layouts(tmp_path: Path, content: object) -> None:
    path = tmp_path / "rel_info.json"
    path.write_text(json.dumps(content))
    assert read_relation_names(path) == {"P6": "head"}


@pytest.mark.parametrize("text", ["{", "3", '{"P6": 1}', '[{"id": "P6"}]', '["P6"]', "\udcff"])
def test_other_relation_names_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rel_info.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(FormatError, match=r"rel_info\.json: expected"):
        read_relation_names(path)


def test_missing_relation_names_are_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="expected a readable file, got 'No such file"):
        read_relation_names(tmp_path / "rel_info.json")
