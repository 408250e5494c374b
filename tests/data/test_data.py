"""Tests of finecl.data on data with known counts, splits, leaks and noise."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
from finecl_formats.docred import DocRED
from finecl_formats.jsonl import JSONLines
from finecl_formats.opennre import OpenNRE
from finecl_formats.parquet import Parquet
from hypothesis import given
from hypothesis import strategies as st

from finecl import hookimpl
from finecl.corpus.validation import check_document
from finecl.data.convert import DROPS, convert
from finecl.data.corrupt import KINDS, Kind, Noise
from finecl.data.demo.corpora import DemoSettings, demo_corpora
from finecl.data.distant.properties import Properties, read_relations
from finecl.data.formats import writer
from finecl.data.leakage import HeldOut, Leaks, find_leaks, without_leaks
from finecl.data.split import low_resource, numbered, random_shares
from finecl.data.stats import load_tokenizer, overlap, stats
from finecl.data.validate import validate
from finecl.errors import FormatError, ModelError, SettingsError
from finecl.registry import load
from finecl.text.names import normalised
from finecl.types import Document, Entity, Label, Mention


def entity(name: str, at: int, kind: str | None = "PER", identity: str | None = None) -> Entity:
    return Entity(mentions=(Mention(sentence=0, start=at, end=at + 1, name=name, type=kind),), id=identity)


def sentence(title: str, *names: str, relations: tuple[tuple[int, int, str], ...] = ()) -> Document:
    return Document(
        title=title,
        sentences=((*names, "met", "in", title, "."),),
        entities=tuple(entity(name, at) for at, name in enumerate(names)),
        labels=tuple(Label(head=head, tail=tail, relation=relation) for head, tail, relation in relations),
    )


DEMO = demo_corpora(3, DemoSettings(silver=300, train=20, dev=20, test=20))

# ---------------------------------------------------------------- convert


def test_what_is_dropped_is_gone_and_nothing_else(tmp_path: Path) -> None:
    document = replace(DEMO.silver[0], title="one")
    left = {}
    for name in DROPS:
        convert([document], JSONLines(), tmp_path / name, drop=[name])
        (left[name],) = JSONLines().read(tmp_path / name)
    assert all(entity.id is None for entity in left["ids"].entities)
    assert left["ids"].labels == document.labels
    assert {m.type for e in left["types"].entities for m in e.mentions} == {None}
    assert {label.truth for label in left["truth"].labels} == {None}
    assert not left["labels"].labels
    assert left["labels"].entities == document.entities
    assert not left["entities"].entities
    with pytest.raises(SettingsError, match="--drop: expected one of ids, types, names"):
        convert([document], JSONLines(), tmp_path / "d", drop=["id"])


def test_a_format_that_refuses_takes_the_rest(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="expected none in DocRED"):
        convert(DEMO.silver, DocRED(), tmp_path / "d")
    counts = convert(DEMO.silver, DocRED(), tmp_path / "d", drop=["ids", "truth"])
    assert counts.documents == len(DEMO.silver) == len(list(DocRED().read(tmp_path / "d")))
    assert counts.labels == sum(len(document.labels) for document in DEMO.silver)


@dataclass(frozen=True, kw_only=True)
class Lines(JSONLines):
    """A format of a plugin, with a suffix of its own."""

    suffixes: ClassVar[tuple[str, ...]] = (".lines",)


def test_a_file_is_written_in_the_format_that_declares_its_suffix(tmp_path: Path) -> None:
    registry = load()
    assert isinstance(writer(tmp_path / "o.PARQUET", registry), Parquet)
    with pytest.raises(SettingsError, match=r"o\.lines: expected a name that ends with .*, or --to; formats: .*docred"):
        writer(tmp_path / "o.lines", registry)
    plugin = ModuleType("mine")
    plugin.__dict__["formats"] = hookimpl(lambda: {"lines": Lines})
    registry.register(plugin, name="mine")
    assert isinstance(writer(tmp_path / "o.lines", registry), Lines)
    assert type(writer(tmp_path / "o.jsonl", registry)) is JSONLines
    assert isinstance(writer(tmp_path / "o.lines", registry, "docred"), DocRED)


# ---------------------------------------------------------------- validate


def test_all_faults_are_told_with_their_places(tmp_path: Path) -> None:
    good = sentence("a", "Ada", "Zoe", relations=((0, 1, "met"),))
    beyond = replace(sentence("b", "Ada", "Zoe"), labels=(Label(head=0, tail=5, relation=" "),))
    again = replace(good, sentences=(("Ada", "Zoe", "left"),))
    path = tmp_path / "d.jsonl"
    JSONLines().write([good, beyond, again, good], path)
    with path.open("a") as lines:
        lines.write('{"title": "c", "sents": 3}\nnot JSON\n')
    report = validate(path, JSONLines())
    counts = [fault.removeprefix(f"{path}: ") for fault in report.faults]
    assert [fault.partition(": ")[0] for fault in counts] == [
        "line 2 ('b'), label 0, tail", "line 2 ('b'), label 0, relation", "line 3 ('a'), title",
        "line 4 ('a')", "line 5 ('c'), sents", "line 6, column 1",
    ]  # fmt: skip
    assert "got that of line 1 again" in counts[3]
    assert (report.clean, report.complete, report.documents, report.labels) == (False, True, 4, 4)
    few = validate(path, JSONLines(), max_errors=2)
    assert (len(few.faults), few.complete) == (2, False)


def test_unknown_relations_are_told_with_the_nearest(tmp_path: Path) -> None:
    JSONLines().write([sentence("a", "Ada", "Zoe", relations=((0, 1, "met"), (1, 0, "mett")))], tmp_path / "d")
    (fault,) = validate(tmp_path / "d", JSONLines(), relations=["met", "left"]).faults
    assert fault.endswith("label 1, relation: expected one of 2 known relations, got 'mett'; the nearest is 'met'")


def test_a_format_that_cannot_go_on_tells_its_first_fault(tmp_path: Path) -> None:
    class Once:
        def recognises(self, path: Path) -> bool:
            return False

        def read(self, path: Path) -> object:
            yield sentence("a", "Ada")
            raise FormatError(f"{path}: broken")

        def write(self, documents: object, path: Path) -> None: ...

    report = validate(tmp_path, Once())  # type: ignore[arg-type]
    assert (report.documents, report.faults) == (1, [f"{tmp_path}: broken"])


@pytest.mark.parametrize("file", ["redocred/dev_revised.json", "wiki80/train_0.1.txt", "fewrel/val_wiki.json"])
def test_published_data_have_a_clean_bill(data_dir: Path, file: str) -> None:
    from finecl import registry
    from finecl.data.formats import recognise

    report = validate(data_dir / file, recognise(data_dir / file, registry.load()))
    assert report.faults == []
    assert report.documents == {"redocred": 500, "wiki80": 3920, "fewrel": 11200}[file.partition("/")[0]]


# ---------------------------------------------------------------- stats


def test_counts_are_those_of_the_documents() -> None:
    both = sentence("a", "Ada", "Zoe", "Eve", relations=((0, 1, "met"), (0, 1, "saw"), (1, 2, "met")))
    counts = stats([both, sentence("b", "Ada")])
    names = ("documents", "sentences", "words", "entities", "mentions", "labels", "multi_label_share")
    assert [counts[name] for name in names] == [2, 2, 12, 4, 4, 3, 0.5]
    assert counts["labels_by_relation"] == {"met": 2, "saw": 1}
    assert counts["labels_by_types"] == {"PER - PER": 3}
    assert "sub_words" not in counts


def test_pairs_that_splits_share_are_found_whatever_their_case_and_order() -> None:
    mine = [
        sentence("a", "Ada", "Zoe", relations=((0, 1, "met"),)),
        sentence("b", "Eve", "Kim", relations=((0, 1, "x"),)),
    ]
    theirs = [sentence("c", "ZOE", "ada", relations=((0, 1, "left"),))]
    assert overlap({"mine": mine, "theirs": theirs}) == {"mine": {"theirs": 0.5}, "theirs": {"mine": 1.0}}


def test_lengths_are_in_sub_words_and_truncation_is_counted(models: dict[str, Path]) -> None:
    tokenizer = load_tokenizer(str(models["bert"]), 8)
    long = replace(sentence("a", "Ada", "Zoe"), sentences=(("Ada", *["and"] * 20, "Zoe"),))
    long = replace(long, entities=(long.entities[0], entity("Zoe", 21)), labels=(Label(head=0, tail=1, relation="r"),))
    counts = stats([long, sentence("b", "Ada")], tokenizer)["sub_words"]
    whole = len(tokenizer.encode(" ".join(long.sentences[0]))) + 2
    assert counts["max"] == whole > 8
    assert counts["lost_by_truncation"] == {"documents": 1, "mentions": 1, "entities": 1, "labels": 1}
    with pytest.raises(ModelError, match="cannot read the tokenizer 'nowhere'"):
        load_tokenizer("nowhere", 8)


def test_stats_of_redocred(data_dir: Path) -> None:
    counts = stats(DocRED().read(data_dir / "redocred" / "dev_revised.json"))
    assert (counts["documents"], counts["labels"]) == (500, 17_284)
    assert sum(counts["labels_by_relation"].values()) == sum(counts["labels_by_types"].values()) == 17_284


# ---------------------------------------------------------------- split


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.sampled_from([0.01, 0.1, 0.3, 1.0]))
def test_of_every_relation_of_sentences_the_ceiling_is_kept(relations: list[str], fraction: float) -> None:
    documents = [sentence(str(n), "Ada", "Zoe", relations=((0, 1, r),)) for n, r in enumerate(relations)]
    chosen = Counter(relations[int(n)] for n in low_resource(documents, fraction, 1))
    expected = {r: math.ceil(round(fraction * count, 9)) for r, count in Counter(relations).items()}
    assert chosen == expected


def test_a_fraction_of_documents_keeps_every_relation_and_is_drawn_anew_by_seed() -> None:
    relations = {label.relation for document in DEMO.silver for label in document.labels}
    first, again, other = (low_resource(DEMO.silver, 0.1, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    selected = {label.relation for document in numbered(DEMO.silver, first) for label in document.labels}
    assert selected == relations
    assert len(first) >= 30
    unlabelled = [replace(document, labels=()) for document in DEMO.silver]
    assert len(low_resource(unlabelled, 0.01, 0)) == 3
    assert len(low_resource(unlabelled, 0.1, 0)) == 30


def test_ten_per_cent_of_wiki80_are_as_many_as_the_release_has(data_dir: Path) -> None:
    documents = list(OpenNRE().read(data_dir / "wiki80" / "train_0.1.txt"))
    chosen = low_resource(documents, 0.1, 42)
    counts = Counter(document.labels[0].relation for document in numbered(documents, chosen))
    assert len(chosen) == 400
    assert set(counts.values()) == {5}


@pytest.mark.parametrize("fraction", [0, -1, 1.5, math.nan])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(SettingsError, match="--fraction: expected a number above 0 and at most 1"):
        low_resource(DEMO.silver, fraction, 0)


def test_shares_hold_each_document_once() -> None:
    parts = random_shares(100, {"train": 0.7, "dev": 0.1, "test": 0.2}, 5)
    assert [len(part) for part in parts.values()] == [70, 10, 20]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(100))
    for wrong in ({"a": 0.5}, {"a": 1.5, "b": -0.5}, {}):
        with pytest.raises(SettingsError, match="--share: expected positive shares that add up to 1"):
            random_shares(10, wrong, 0)
    with pytest.raises(SettingsError, match="expected at least one document for 'b', got none of 3"):
        random_shares(3, {"a": 0.9, "b": 0.1}, 0)


# ---------------------------------------------------------------- leakage


@given(st.sets(st.integers(0, 19), max_size=12), st.sets(st.integers(0, 299), max_size=10), st.booleans())
def test_planted_leaks_are_all_found_and_dropped(facts: set[int], copies: set[int], turned: bool) -> None:
    """Clean silver data with held-out facts in other words, and with whole held-out documents."""
    fresh = [sentence(f"h{n}", f"Head{n}", f"Tail{n}", relations=((0, 1, f"r{n % 3}"),)) for n in range(20)]
    held_out = HeldOut({"dev": fresh[:10], "test": fresh[10:]})
    clean = [d for d in DEMO.silver if d.labels]
    ends = (1, 0) if turned else (0, 1)
    leaked = [
        sentence(f"leaked {n}", f"HEAD{n}", f"'tail{n}'", "Other", relations=((*ends, f"r{n % 3}"), (0, 2, "else")))
        for n in sorted(facts)
    ]
    copied = [replace(fresh[n % 20], title=f"copy {n}", labels=()) for n in sorted(copies)]
    leaks = Leaks()
    remaining = list(without_leaks([*clean, *leaked, *copied], held_out, leaks))
    assert leaks.leaked_labels == Counter("dev" if n < 10 else "test" for n in facts)
    assert leaks.leaked_documents == Counter("dev" if n % 20 < 10 else "test" for n in copies)
    assert [document.title for document in remaining] == [d.title for d in [*clean, *leaked]]
    assert remaining[: len(clean)] == clean
    assert all([label.relation for label in d.labels] == ["else"] for d in remaining[len(clean) :])
    assert find_leaks(remaining, held_out).to_dict()["leaked_labels"] == {}


def test_a_document_is_found_by_its_sentences_too() -> None:
    there = replace(
        sentence("there", "Ada", "Zoe"), sentences=(("Ada", "Zoe", "met", "."), ("They", "met", "in", "Oslo"))
    )
    longer = replace(there, title="longer", sentences=(*there.sentences, ("And", "so", "on", ".")))
    shorter = replace(there, title="shorter", sentences=there.sentences[:1])
    held_out = HeldOut({"test": [there]})
    assert held_out.same_document(longer) == ("test", "there")
    assert held_out.same_document(shorter) is None


def test_a_pair_leaks_whatever_the_relation_where_that_is_asked() -> None:
    dev = [sentence("d", "Ada", "Zoe", relations=((0, 1, "met"),))]
    silver = sentence("s", "Zoe", "Ada", "Eve", relations=((0, 1, "left"), (1, 2, "no_relation")))
    assert find_leaks([silver], HeldOut({"dev": dev})).leaked_labels == {}
    assert find_leaks([silver], HeldOut({"dev": dev}, by="pair")).leaked_labels == {"dev": 1}


def test_names_are_compared_without_case_accents_ways_and_points() -> None:
    assert normalised(" The  “Ångström” ") == normalised("the “A\u030angstro\u0308m”.").strip()
    assert normalised("...") == "..."


# ---------------------------------------------------------------- corrupt


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25])
def test_the_rate_is_the_asked_one_and_the_truth_is_kept(kind: Kind, rate: float) -> None:
    before = [replace(d, labels=tuple(replace(x, truth=None) for x in d.labels)) for d in DEMO.silver]
    noise = Noise.plan(before, rate=rate, kind=kind, seed=4)
    after = list(noise.apply(before))
    pairs = [(a, b, d) for d, e in zip(before, after, strict=True) for a, b in zip(d.labels, e.labels, strict=True)]
    wrong = [(a, b, d) for a, b, d in pairs if b.truth != b.relation]
    assert abs(len(wrong) / len(pairs) - rate) < 0.01
    assert len(wrong) == round(rate * len(pairs)) == len(noise.changed)
    for document in after:
        check_document(document, "after")
    assert all(b == replace(a, truth=a.relation) for a, b, _ in pairs if b.truth == b.relation)
    if kind == "entity-swap":
        assert all(b.truth == "no_relation" and b.relation == a.relation for a, b, _ in wrong)
        assert all(((a.head == b.head) + (a.tail == b.tail)) == 1 for a, b, _ in wrong)
    else:
        assert all(b.truth == a.relation and (a.head, a.tail) == (b.head, b.tail) for a, b, _ in wrong)


def test_noise_of_one_type_pair_stays_within_it() -> None:
    seen = {(d.entities[x.head].type, d.entities[x.tail].type, x.relation) for d in DEMO.silver for x in d.labels}
    noise = Noise.plan(DEMO.silver, rate=0.5, kind="type-consistent", seed=0)
    for document in noise.apply(DEMO.silver):
        for x in document.labels:
            assert (document.entities[x.head].type, document.entities[x.tail].type, x.relation) in seen


def test_frequent_relations_are_drawn_more_often() -> None:
    common = [sentence(f"a{n}", "Ada", "Zoe", relations=((0, 1, "common"),)) for n in range(900)]
    rare = [sentence(f"b{n}", "Ada", "Zoe", relations=((0, 1, f"rare{n % 2}"),)) for n in range(100)]
    documents = [*common, *rare]
    for kind, low, high in (("frequency", 0.85, 1.0), ("uniform", 0.3, 0.7)):
        noise = Noise.plan(documents, rate=0.9, kind=kind, seed=1)  # type: ignore[arg-type]
        changed = [relation for (n, _), (_, _, relation) in noise.changed.items() if n >= 900]
        assert low < Counter(changed)["common"] / len(changed) <= high


def test_the_same_seed_gives_the_same_noise() -> None:
    plans = [Noise.plan(DEMO.silver, rate=0.3, kind="uniform", seed=seed).changed for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]


def test_what_cannot_be_made_wrong_is_said() -> None:
    only = [sentence("a", "Ada", "Zoe", relations=((0, 1, "met"),))]
    for kind in KINDS:
        with pytest.raises(
            SettingsError, match=f"expected at most 0.000, since no more labels can be changed by '{kind}'"
        ):
            Noise.plan(only, rate=1, kind=kind, seed=0)
    for rate in (-0.1, 1.1, math.nan):
        with pytest.raises(SettingsError, match="--rate: expected a number from 0 to 1"):
            Noise.plan(only, rate=rate, kind="uniform", seed=0)
    with pytest.raises(SettingsError, match="--kind: expected one of uniform, type-consistent"):
        Noise.plan(only, rate=1, kind="loud", seed=0)  # type: ignore[arg-type]


def test_labels_of_no_relation_stay_as_they_are() -> None:
    relations = ((0, 1, "no_relation"), (1, 0, "met"))
    documents = [sentence(str(n), "Ada", "Zoe", relations=relations) for n in range(5)]
    documents.append(sentence("x", "Ada", "Zoe", relations=((0, 1, "left"),)))
    noise = Noise.plan(documents, rate=1, kind="uniform", seed=0)
    assert noise.labels == len(noise.changed) == 6
    assert {d.labels[0].relation for d in list(noise.apply(documents))[:5]} == {"no_relation"}


# ---------------------------------------------------------------- names of relations


def test_properties_are_found_by_id_name_and_alias(data_dir: Path) -> None:
    properties = Properties.read(data_dir / "wikidata" / "properties.json")
    assert properties.id_of("P6") == properties.id_of("Head of Government") == "P6"
    assert properties.id_of("network of routes") == "P16"
    assert properties.id_of("is taller than") == "is taller than"
    assert properties.named(["P6", "P6", "x"]) == {"P6": "head of government", "x": "x"}


def test_relations_are_read_from_an_object_or_a_list(tmp_path: Path) -> None:
    for text in ('{"a": 0, "b": 1}', '["a", "b"]', '[{"id": "a"}, {"id": "b"}]'):
        (tmp_path / "r.json").write_text(text)
        assert read_relations(tmp_path / "r.json") == ["a", "b"]
    for text in ("{", "3", "[1]", "{}", "[" * 100_000):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(FormatError, match=r"r\.json: expected relations"):
            read_relations(tmp_path / "r.json")
