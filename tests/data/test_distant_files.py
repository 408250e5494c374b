"""Tests of distant labels: an oracle in plain Python, all kinds of tables, names, types, and entities of raw text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from finecl_formats.jsonl import JSONLines
from finecl_formats.plain_text import PlainText
from finecl_recognisers.spacy_pipeline import SpacyPipeline
from hypothesis import given
from hypothesis import strategies as st

from finecl.corpus.corpus import Corpus
from finecl.data.distant import labelling
from finecl.data.distant.files import add_names, label
from finecl.data.distant.gazetteer import Gazetteer
from finecl.data.distant.knowledge_graph import Graph
from finecl.data.distant.labelling import Labelling
from finecl.data.distant.properties import Properties
from finecl.data.distant.tables import read_table
from finecl.errors import FormatError, ModelError
from finecl.types import Document, Entity, Mention

CURIE, SKLODOWSKA, WARSAW, PARIS = "Marie Curie", "Maria Skłodowska", "Warsaw", "Paris"


def text(title: str, *entities: tuple[str | None, str | None, Sequence[str]]) -> Document:
    """Returns a document with these entities, each as (id, type, names)."""
    names = [name for _, _, names in entities for name in names]
    words = tuple(word for name in names for word in (name, "and"))
    built, at = [], 0
    for identity, kind, called in entities:
        mentions = [
            Mention(sentence=0, start=at + 2 * n, end=at + 2 * n + 1, name=c, type=kind) for n, c in enumerate(called)
        ]
        at += 2 * len(called)
        built.append(Entity(mentions=tuple(mentions), id=identity))
    return Document(title=title, sentences=(words,), entities=tuple(built))


def table(path: Path, *rows: Sequence[str]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def claims(labelling: Labelling, document: Document) -> list[tuple[int, int, str, str | None]]:
    ((labelled, facts),) = labelling.label([document])
    return [
        (x.head, x.tail, x.relation, fact.matcher if fact else None)
        for x, fact in zip(labelled.labels, facts, strict=True)
    ]


# ---------------------------------------------------------------- ids

IDS = st.sampled_from("ABCDEF")
TRIPLES = st.lists(st.tuples(IDS, st.sampled_from("xyz"), IDS), max_size=12)


@given(TRIPLES, st.lists(st.lists(st.none() | IDS, max_size=5), min_size=1, max_size=5), st.integers(1, 3))
def test_labels_are_those_of_a_loop_over_pairs(
    triples: list[tuple[str, str, str]], rows: list[list[str | None]], chunk: int
) -> None:
    documents = [text(str(n), *[(i, None, ["?"]) for i in ids]) for n, ids in enumerate(rows)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelling, "_CHUNK", chunk)
        labelled = list(Labelling(graph=Graph.of(triples), candidates=100).label(documents))
    known = {end for head, _, tail in triples for end in (head, tail)}
    for ids, (document, facts) in zip(rows, labelled, strict=True):
        pairs = list(permutations(range(len(ids)), 2))
        expected = [(h, t, r) for h, t in pairs for r in "xyz" if (ids[h], r, ids[t]) in set(triples)]
        linked = {(h, t) for h, t, _ in expected}
        free = [(h, t) for h, t in pairs if {ids[h], ids[t]} <= known and not {(h, t), (t, h)} & linked]
        result = [(x.head, x.tail, x.relation) for x in document.labels]
        assert result == expected + [(h, t, "no_relation") for h, t in free]
        assert [(f.head_id, f.tail_id) if f else None for f in facts] == [
            *[(ids[h], ids[t]) for h, t, _ in expected],
            *[None for _ in free],
        ]
        assert all(x.truth is None for x in document.labels)


def test_candidates_are_at_most_as_many_as_asked_and_drawn_by_seed() -> None:
    graph = Graph.of([("A", "x", "B")])
    document = text("t", *[("AB"[n % 2], None, ["?"]) for n in range(8)])
    drawn = [claims(Labelling(graph=graph, candidates=3, seed=seed), document) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert [matcher for *_, matcher in drawn[0]].count(None) == 3
    assert None not in [matcher for *_, matcher in claims(Labelling(graph=graph), document)]


# ---------------------------------------------------------------- names and types


def named_graph(tmp_path: Path, types: Path | None = None) -> Graph:
    triples = table(tmp_path / "t.tsv", ("Q1", "born in", "Q2"), ("Q1", "died in", "Q3"), ("Q9", "born in", "Q2"))
    rows = [("Q1", CURIE), ("Q1", SKLODOWSKA), ("Q2", WARSAW), ("Q3", PARIS), ("Q9", "Paris"), ("Q77", "nobody")]
    return Graph.read(triples, names=table(tmp_path / "n.tsv", *rows), types=types)


def test_names_are_matched_as_they_are_and_normalised(tmp_path: Path) -> None:
    document = text("t", (None, None, ["MARIE  CURIE"]), (None, None, ["It", WARSAW]), (None, None, ["Lyon"]))
    labelling = Labelling(graph=named_graph(tmp_path))
    assert claims(labelling, document) == [(0, 1, "born in", "normalised-name")]
    exact = replace(document, entities=(text("t", (None, None, [SKLODOWSKA])).entities[0], *document.entities[1:]))
    assert claims(labelling, exact) == [(0, 1, "born in", "exact-name")]


def test_a_name_of_several_entities_is_any_of_them(tmp_path: Path) -> None:
    document = text("t", (None, None, [CURIE]), (None, None, [WARSAW]), (None, None, [PARIS]))
    result = claims(Labelling(graph=named_graph(tmp_path)), document)
    assert [claim[:3] for claim in result] == [(0, 1, "born in"), (0, 2, "died in"), (2, 1, "born in")]


def test_an_id_is_believed_before_a_name(tmp_path: Path) -> None:
    document = text("t", ("Q9", None, [CURIE]), (None, None, [WARSAW]))
    graph = named_graph(tmp_path)
    assert claims(Labelling(graph=graph), document) == [(0, 1, "born in", "exact-name")]
    assert claims(Labelling(graph=graph, match="name"), document) == [(0, 1, "born in", "exact-name")]
    ((_, facts),) = Labelling(graph=graph).label([document])
    assert [fact.head_id for fact in facts if fact] == ["Q9"]
    with pytest.raises(FormatError, match=r"document 1 \('t'\), entity 1 \('Warsaw'\), id: expected its id"):
        claims(Labelling(graph=graph, match="id"), document)


def test_without_a_table_of_names_ids_are_names(tmp_path: Path) -> None:
    graph = Graph.read(table(tmp_path / "t.tsv", (CURIE, "born in", WARSAW)))
    assert claims(Labelling(graph=graph), text("t", (None, None, [WARSAW]), (None, None, ["marie curie"]))) == [
        (1, 0, "born in", "normalised-name")
    ]


def test_types_that_do_not_go_together_are_left_out(tmp_path: Path) -> None:
    types = table(tmp_path / "types.tsv", ("born in", "PER", "LOC"), ("born in", "PER", "GPE"))
    labelling = Labelling(graph=named_graph(tmp_path, types=types))
    for person, place, allowed in (
        ("PER", "LOC", True),
        ("PER", "GPE", True),
        ("LOC", "PER", False),
        (None, "PER", True),
    ):
        document = text("t", ("Q1", person, ["?"]), ("Q2", place, ["?"]), ("Q3", "X", ["?"]))
        assert [claim[:3] for claim in claims(labelling, document)] == [(0, 1, "born in")] * allowed + [
            (0, 2, "died in")
        ]


def test_relations_by_name_become_those_of_wikidata(tmp_path: Path, data_dir: Path) -> None:
    properties = Properties.read(data_dir / "wikidata" / "properties.json")
    triples = table(tmp_path / "t.tsv", ("Q1", "Place of birth", "Q2"), ("Q1", "P20", "Q3"), ("Q2", "own", "Q3"))
    graph = Graph.read(triples, properties=properties)
    document = text("t", *[(i, None, ["?"]) for i in ("Q1", "Q2", "Q3")])
    assert [claim[2] for claim in claims(Labelling(graph=graph), document)] == ["P19", "P20", "own"]


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "Q1\tborn in\tQ2\n"),
        ("t.tsv", "\ufeffhead\trelation\ttail\r\nQ1\tborn in\tQ2\r\n"),
        ("t.tsv", 'tail\thead\trelation\textra\nQ2\tQ1\tborn in\t"\n'),
        ("t.csv", '"Q1","born in",Q2\n'),
        ("t.csv", "Head,Relation,Tail\nQ1,born in, Q2\n"),
        ("t.jsonl", '{"tail": "Q2", "head": "Q1", "relation": "born in", "note": [1]}\n'),
    ],
)
def test_triples_are_read_from_every_kind_of_table(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_bytes(content.encode())
    frame = read_table(tmp_path / name, ("head", "relation", "tail"))
    assert frame.rows() == [("Q1", "born in", "Q2")]
    frame.write_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", ("head", "relation", "tail")).rows() == frame.rows()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", b"", "expected a file called *.tsv, *.csv, *.jsonl, *.parquet, got '.txt'"),
        ("t.tsv", b"", "expected a table of head | relation | tail, got '"),
        ("t.tsv", b"head\trelation\ttail\n", "expected rows of head | relation | tail, got none"),
        ("t.tsv", b"a\tb\nc\td\n", "expected the column 'tail', got head, relation"),
        ("t.tsv", b"a\tb\tc\nd\te\t\n", "row 2, tail: expected a text, got nothing; complete the row"),
        ("t.tsv", b"a\tb\tc\nd\n", "row 2, relation: expected a text, got nothing"),
        ("t.tsv", b"a\tb\tc\nd\te\tf\tg\n", "expected a table of head | relation | tail, got '"),
        ("t.tsv", b"a\tb\tc\n\xff\xfe\tb\tc\n", "expected a table of head | relation | tail, got '"),
        ("t.csv", b'"a,b,c\n', "expected "),
        ("t.jsonl", b'{"head": "a"', "expected "),
        ("t.jsonl", b'{"head": "a", "relation": "b"}\n', "expected the column 'tail', got head, relation"),
        ("t.jsonl", b'{"head": "a", "relation": "b", "tail": [1]}\n', "expected texts in the column 'tail'"),
        ("t.parquet", b"PAR1 and nothing", "expected a table of head | relation | tail, got '"),
    ],
)
def test_a_broken_table_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError) as caught:
        Graph.read(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table_or_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.tsv").mkdir()
    for path in (tmp_path / "none.tsv", tmp_path / "d.tsv", tmp_path / "none.parquet"):
        with pytest.raises(FormatError, match="expected a readable file, got "):
            Graph.read(path)


def test_names_may_have_types_and_aliases(tmp_path: Path) -> None:
    rows = [{"id": "Q1", "name": CURIE, "type": "PER", "aliases": [SKLODOWSKA]}, {"id": "Q2", "name": WARSAW}]
    (tmp_path / "n.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    graph = Graph.read(table(tmp_path / "t.tsv", ("Q1", "born in", "Q2")), names=tmp_path / "n.jsonl")
    assert sorted(graph.names.select("name", "type").rows()) == [
        (SKLODOWSKA, "PER"), (CURIE, "PER"), (WARSAW, None),
    ]  # fmt: skip


# ---------------------------------------------------------------- raw text


def raw(tmp_path: Path, **texts: str) -> list[Document]:
    for name, content in texts.items():
        (tmp_path / f"{name}.txt").write_text(content, encoding="utf-8")
    return list(PlainText().read(tmp_path))


def test_names_of_the_graph_are_found_in_text(tmp_path: Path) -> None:
    triples = [(CURIE, "born in", "St. Louis"), ("Marie", "knew", "U.S. Steel, Inc."), ("Louis", "met", "O'Neill")]
    (document,) = raw(
        tmp_path, a="Marie Curie knew St. Louis. louis saw U.S. Steel, Inc. and Marie met O'Neill; Marie Curie."
    )
    (result,) = Gazetteer(Graph.of(triples)).find([document])
    names = [[mention.name for mention in entity.mentions] for entity in result.entities]
    assert names == [[CURIE, CURIE], ["St. Louis"], ["U.S. Steel, Inc."], ["Marie"], ["O'Neill"]]
    assert [entity.id for entity in result.entities] == [CURIE, "St. Louis", "U.S. Steel, Inc.", "Marie", "O'Neill"]
    for entity in result.entities:
        for m in entity.mentions:
            assert m.name.replace(" ", "") == "".join(result.sentences[m.sentence][m.start : m.end])


def test_a_name_of_several_entities_has_no_id_but_is_labelled_by_name(tmp_path: Path) -> None:
    (document,) = raw(tmp_path, a="Paris, Warsaw.")
    graph = named_graph(tmp_path)
    (result,) = Gazetteer(graph).find([document])
    assert [entity.id for entity in result.entities] == [None, "Q2"]
    assert [claim[:3] for claim in claims(Labelling(graph=graph), result)] == [(0, 1, "born in")]


def test_what_is_found_has_the_type_of_its_table(tmp_path: Path) -> None:
    (document,) = raw(tmp_path, a="Marie Curie left Warsaw.")
    names = table(tmp_path / "n.tsv", ("Q1", CURIE, "PER"), ("Q2", WARSAW, "LOC"))
    types = table(tmp_path / "types.tsv", ("left", "LOC", "PER"))
    triples = table(tmp_path / "t.tsv", ("Q1", "born in", "Q2"), ("Q1", "left", "Q2"))
    graph = Graph.read(triples, names=names, types=types)
    (result,) = Gazetteer(graph).find([document])
    assert [(entity.id, entity.type) for entity in result.entities] == [("Q1", "PER"), ("Q2", "LOC")]
    assert claims(Labelling(graph=graph), result) == [(0, 1, "born in", "id")]


def test_a_pipeline_of_spacy_finds_entities(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed: pip install 'finecl[spacy]'")
    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PER", "pattern": CURIE}, {"label": "CITY", "pattern": [{"LOWER": "warsaw"}]}])
    pipeline.to_disk(tmp_path / "pipeline")
    (document,) = raw(tmp_path, a="Marie Curie left Warsaw. WARSAW wept.")
    (result,) = SpacyPipeline(str(tmp_path / "pipeline")).find([document])
    assert [[m.name for m in entity.mentions] for entity in result.entities] == [[CURIE], ["Warsaw", "WARSAW"]]
    assert [entity.type for entity in result.entities] == ["PER", "CITY"]
    with pytest.raises(ModelError, match="cannot load spaCy's pipeline 'nowhere'"):
        SpacyPipeline("nowhere")


def test_without_spacy_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    with pytest.raises(ModelError, match=r"an entity recogniser needs spaCy: pip install 'finecl\[spacy\]'"):
        SpacyPipeline("en_core_web_sm")


# ---------------------------------------------------------------- files


def test_every_label_has_its_fact_its_matcher_and_the_uid_of_its_corpus(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    documents = [
        text("a", ("Q1", None, ["?"]), (None, None, [WARSAW]), ("Q3", None, ["!"])),
        text("empty"),
        text("b", ("Q1", None, ["?"]), ("Q2", None, ["!"])),
    ]
    labelling = Labelling(graph=named_graph(tmp_path), candidates=1)
    counts = label(documents, labelling, JSONLines(), tmp_path / "s.jsonl", facts=tmp_path / "f.parquet")
    assert (counts.documents, counts.skipped, counts.labels, counts.candidates) == (2, 1, 3, 1)
    assert counts.to_dict()["labels_by_matcher"] == {"id": 2, "exact-name": 1}
    rows = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert [(r["document"], r["relation"], r["head_id"], r["tail_id"], r["matcher"]) for r in rows] == [
        (0, "born in", "Q1", "Q2", "exact-name"), (0, "died in", "Q1", "Q3", "id"),
        (0, "no_relation", None, None, None),
        (1, "born in", "Q1", "Q2", "id"),
    ]  # fmt: skip
    corpus = Corpus.read(tmp_path / "s.jsonl", JSONLines(), tmp_path / "cache")
    uids = [int(r["uid"], 16) for r in rows if r["matcher"]]
    assert uids == corpus.instances(corpus.relations).uid.tolist()


def test_a_fault_leaves_neither_documents_nor_facts(tmp_path: Path) -> None:
    labelling = Labelling(graph=Graph.of([("Q1", "r", "Q2")]), match="id")
    with pytest.raises(FormatError):
        label([text("a", (None, None, ["?"]))], labelling, JSONLines(), tmp_path / "s", facts=tmp_path / "f.parquet")
    assert list(tmp_path.iterdir()) == []


def test_documents_without_any_entity_are_refused(tmp_path: Path) -> None:
    labelling = Labelling(graph=Graph.of([("Q1", "r", "Q2")]))
    with pytest.raises(FormatError, match="expected entities in them, got none in 2 documents"):
        label([text("a"), text("b")], labelling, JSONLines(), tmp_path / "s", facts=tmp_path / "f.parquet")
    assert list(tmp_path.iterdir()) == []


def test_names_of_relations_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    add_names(tmp_path / "rel_info.json", {"P1": "one"})
    add_names(tmp_path / "rel_info.json", {"P2": "two"})
    assert json.loads((tmp_path / "rel_info.json").read_text()) == {"P1": "one", "P2": "two"}


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_names_of_relations_are_not_added_to_a_broken_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "rel_info.json").write_text(content)
    with pytest.raises(FormatError, match=r"rel_info\.json: expected a JSON"):
        add_names(tmp_path / "rel_info.json", {"P1": "one"})
    assert (tmp_path / "rel_info.json").read_text() == content


def test_the_benchmark_measures_what_it_says() -> None:
    from finecl_benchmarks.label_speed import RESULTS, measure

    stored = json.loads((RESULTS / "label-speed.json").read_text())
    record = measure(30, 500, 2)
    assert record.keys() == stored.keys()
    assert record["found"]["documents"] == 30
    assert record["found"]["labels"] > 30
    assert stored["settings"] == {"documents": 100_000, "triples": 10_000_000, "threads": 2, "match": "id"}
    assert stored["seconds"]["all"] < 300
    assert stored["peak_memory_gb"] < 6
