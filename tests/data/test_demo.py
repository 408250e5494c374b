"""Tests of the built-in corpus: repeatable, valid, about half wrong, and only the text shows which labels are."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest

from finecl.corpus.corpus import check_document
from finecl.data.demo.corpora import DemoDocuments, DemoSettings, demo_corpora
from finecl.data.demo.language import Language
from finecl.errors import SettingsError
from finecl.types import Document, Label

SMALL = DemoSettings(silver=6, train=2, dev=2, test=2)
SETTINGS = DemoSettings()


@pytest.fixture(scope="module", params=[0, 42])
def demo(request: pytest.FixtureRequest) -> DemoDocuments:
    return demo_corpora(request.param)


def labels(documents: tuple[Document, ...]) -> list[tuple[Document, Label]]:
    return [(document, label) for document in documents for label in document.labels]


def types(document: Document, label: Label) -> tuple[str | None, str | None]:
    return document.entities[label.head].type, document.entities[label.tail].type


def wrong(label: Label) -> bool:
    return label.truth != label.relation


# ---------------------------------------------------------------- repeatable and sound


def test_the_same_seed_gives_the_same_documents(demo: DemoDocuments) -> None:
    assert demo_corpora(7, SMALL) == demo_corpora(7, SMALL)
    assert demo_corpora(7, SMALL) != demo_corpora(8, SMALL)


def test_no_order_of_a_set_matters() -> None:
    """Other processes have other hash seeds."""
    code = "from finecl.data.demo.corpora import DemoSettings, demo_corpora; import hashlib\n"
    code += "s = DemoSettings(silver=6, train=2, dev=2, test=2)\n"
    code += "print(hashlib.sha256(repr(demo_corpora(7, s)).encode()).hexdigest())"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert len(runs[0].strip()) == 64
    assert runs[0] == runs[1]


def test_a_larger_part_begins_with_the_smaller_one_and_changes_no_other() -> None:
    small, more_silver = demo_corpora(7, SMALL), demo_corpora(7, replace(SMALL, silver=9))
    more_train = demo_corpora(7, replace(SMALL, train=5))
    assert more_silver.silver[:6] == small.silver
    assert (more_silver.train, more_silver.dev, more_silver.test) == (small.train, small.dev, small.test)
    assert more_train.train[:2] == small.train
    assert (more_train.silver, more_train.dev, more_train.test) == (small.silver, small.dev, small.test)


def test_sizes_are_those_asked_for(demo: DemoDocuments) -> None:
    for name in ("silver", "train", "dev", "test"):
        assert len(getattr(demo, name)) == getattr(SETTINGS, name)
    assert len(demo_corpora(0, SMALL).silver) == 6


def test_every_document_is_sound_and_short(demo: DemoDocuments) -> None:
    documents = [*demo.silver, *demo.train, *demo.dev, *demo.test]
    for document in documents:
        check_document(document, document.title)
        assert 3 <= len(document.sentences) <= 6
    words = [sum(map(len, document.sentences)) for document in documents]
    assert 35 <= np.mean(words) <= 50
    assert max(words) <= 100
    assert len({document.title for document in documents}) == len(documents)


def test_mentions_are_the_words_they_name(demo: DemoDocuments) -> None:
    for document in demo.silver:
        for entity in document.entities:
            first, *later = entity.mentions
            for mention in entity.mentions:
                assert mention.name == " ".join(document.sentences[mention.sentence][mention.start : mention.end])
            assert all(mention.name in (first.name, *first.name.split()) for mention in later)
    assert any(m.name != e.mentions[0].name for d in demo.silver for e in d.entities for m in e.mentions)


def test_no_slot_is_left_unfilled(demo: DemoDocuments) -> None:
    words = {word for document in (*demo.silver, *demo.test) for sentence in document.sentences for word in sentence}
    assert not [word for word in words if set(word) & set("{}|")]


# ---------------------------------------------------------------- silver


def test_silver_labels_are_what_the_graph_links(demo: DemoDocuments) -> None:
    triples = set(demo.triples)
    for document in demo.silver:
        ids = [entity.id for entity in document.entities]
        labelled = {(ids[label.head], label.relation, ids[label.tail]) for label in document.labels}
        assert labelled == {t for t in triples if t[0] in ids and t[2] in ids}


def test_about_half_of_the_silver_labels_are_wrong(demo: DemoDocuments) -> None:
    by_relation: dict[str, list[bool]] = defaultdict(list)
    for _, label in labels(demo.silver):
        by_relation[label.relation].append(wrong(label))
    everything = list(chain.from_iterable(by_relation.values()))
    assert len(everything) == 2 * SETTINGS.silver
    assert 0.45 <= np.mean(everything) <= 0.55
    assert all(0.25 <= np.mean(of_relation) <= 0.75 for of_relation in by_relation.values())


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.8])
def test_the_share_of_wrong_silver_labels_is_a_setting_and_gold_stays_as_it_is(noise: float) -> None:
    sizes = DemoSettings(silver=200, train=2, dev=2, test=2)
    noisy, usual = demo_corpora(7, replace(sizes, noise=noise)), demo_corpora(7, sizes)
    assert np.mean([wrong(label) for _, label in labels(noisy.silver)]) == pytest.approx(noise, abs=0.05)
    assert (noisy.train, noisy.dev, noisy.test) == (usual.train, usual.dev, usual.test)
    assert noisy.triples == usual.triples


def test_wrong_labels_have_both_reasons(demo: DemoDocuments) -> None:
    truths = [label.truth for _, label in labels(demo.silver) if wrong(label)]
    assert None not in truths
    assert 0.6 <= np.mean([truth == "no_relation" for truth in truths]) <= 0.8


def test_relations_are_many_and_frequent(demo: DemoDocuments) -> None:
    counts = Counter(label.relation for _, label in labels(demo.silver))
    assert len(counts) >= 12
    assert max(counts.values()) <= 2 * min(counts.values())
    gold = Counter(label.relation for _, label in labels(demo.train))
    assert set(gold) == set(counts)
    assert min(gold.values()) >= 1


def test_types_do_not_give_the_relation_away(demo: DemoDocuments) -> None:
    by_types: dict[tuple[str | None, str | None], Counter[str]] = defaultdict(Counter)
    for document, label in labels(demo.silver):
        by_types[types(document, label)][label.relation] += 1
    assert len({kind for pair in by_types for kind in pair}) >= 4
    for relations in by_types.values():
        assert len(relations) >= 2
        assert max(relations.values()) <= 2 * min(relations.values())


@pytest.mark.parametrize("cue", ["sentence", "distance", "words", "mentions", "order", "entities"])
def test_nothing_but_the_wording_tells_wrong_from_right(demo: DemoDocuments, cue: str) -> None:
    values, is_wrong = [], []
    for document, label in labels(demo.silver):
        head, tail = document.entities[label.head].mentions, document.entities[label.tail].mentions
        values.append(
            {
                "sentence": head[0].sentence,
                "distance": min(abs(a.sentence - b.sentence) for a in head for b in tail),
                "words": sum(map(len, document.sentences)),
                "mentions": len(head) + len(tail),
                "order": (head[0].sentence, head[0].start) < (tail[0].sentence, tail[0].start),
                "entities": len(document.entities),
            }[cue]
        )
        is_wrong.append(wrong(label))
    # Without dependence |r| exceeds 0.1 = 4 / sqrt(1,600) once in 16,000 samples.
    assert abs(np.corrcoef(values, is_wrong)[0, 1]) < 0.1


def test_unlinked_entities_meet_too(demo: DemoDocuments) -> None:
    """Otherwise co-occurrence in a sentence would predict the labels."""
    together = labelled = 0
    for document in demo.silver:
        sentences = [{mention.sentence for mention in entity.mentions} for entity in document.entities]
        pairs = {(a, b) for a in range(len(sentences)) for b in range(a) if sentences[a] & sentences[b]}
        linked = {(max(label.head, label.tail), min(label.head, label.tail)) for label in document.labels}
        together += len(pairs)
        labelled += len(pairs & linked)
    assert labelled / together < 0.5


# ---------------------------------------------------------------- gold


def test_gold_says_what_the_text_says(demo: DemoDocuments) -> None:
    for _, label in labels((*demo.train, *demo.dev, *demo.test)):
        assert label.truth is None
        assert label.evidence
        assert label.relation != "no_relation"


def test_gold_evidence_names_both_entities(demo: DemoDocuments) -> None:
    for document, label in labels(demo.test):
        for end in (label.head, label.tail):
            assert {m.sentence for m in document.entities[end].mentions} & set(label.evidence)


def facts(documents: tuple[Document, ...]) -> list[tuple[str, str, str]]:
    def name(document: Document, entity: int) -> str:
        return document.entities[entity].mentions[0].name

    return [(name(d, label.head), label.relation, name(d, label.tail)) for d, label in labels(documents)]


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_few_facts_are_known_already(demo: DemoDocuments, part: str) -> None:
    """Otherwise Ign F1 would equal F1."""
    known = set(facts(demo.train))
    assert 0.01 <= np.mean([fact in known for fact in facts(getattr(demo, part))]) <= 0.3


def test_most_people_of_gold_are_unknown_to_silver(demo: DemoDocuments) -> None:
    silver = {entity.id for document in demo.silver for entity in document.entities}
    people = {e.id for document in demo.test for e in document.entities if e.type in ("PER", "ORG")}
    assert 0.1 <= len(people & silver) / len(people) <= 0.3


# ---------------------------------------------------------------- settings and language


def test_style_sets_what_texts_state() -> None:
    silent = replace(SMALL, noise=1.0, style=replace(SMALL.style, stated=0.0, contradicted=0.0))
    assert {label.truth for _, label in labels(demo_corpora(0, silent).silver)} == {"no_relation"}
    assert not labels(demo_corpora(0, silent).test)


def test_more_documents_than_names_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"demo: there are only \d+ names of type \w+; generate fewer documents"):
        demo_corpora(0, DemoSettings(silver=100_000))


def test_every_wording_names_both_and_relations_have_many() -> None:
    language = Language.read()
    for pair in language.type_pairs:
        assert len(pair.met) >= 8
        assert all(len(set(wordings)) >= 8 for wordings in pair.relations.values())
        for wording in chain(pair.met, *pair.relations.values()):
            words = wording.split()
            slots = sorted(word for word in words if word.startswith("{"))
            assert slots == (["{a}", "{b}"] if wording in pair.met else ["{head}", "{tail}"])
            assert words[-1] == "."


def test_no_wording_stands_for_two_relations() -> None:
    wordings = [
        (pair.head, pair.tail, wording)
        for pair in Language.read().type_pairs
        for wording in chain(pair.met, *pair.relations.values())
    ]
    assert len(set(wordings)) == len(wordings)
