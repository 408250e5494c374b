"""File formats: round trips, and errors of broken files that name location and field."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import finecl_formats
import pytest
from finecl_formats import json_array
from finecl_formats.docred import DocRED
from finecl_formats.jsonl import JSONLines
from finecl_formats.parquet import Parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from finecl.corpus.corpus import Corpus, check_document
from finecl.errors import FormatError
from finecl.types import Document, Entity, Format, Label, Mention

ALL: tuple[Format, ...] = (DocRED(), JSONLines(), Parquet())
DATA = Path(os.environ.get("FINECL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))

WORDS = st.text(min_size=1, max_size=6)
NAMES = st.text(min_size=1, max_size=8).filter(str.strip)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Valid documents whose words are arbitrary Unicode."""
    sentences = draw(st.lists(st.lists(WORDS, min_size=1, max_size=5), min_size=1, max_size=3))

    @st.composite
    def mentions(draw: st.DrawFn) -> Mention:
        sentence = draw(st.integers(0, len(sentences) - 1))
        start = draw(st.integers(0, len(sentences[sentence]) - 1))
        end = draw(st.integers(start + 1, len(sentences[sentence])))
        return Mention(sentence=sentence, start=start, end=end, name=draw(NAMES), type=draw(st.none() | NAMES))

    entities = draw(
        st.lists(
            st.builds(Entity, mentions=st.lists(mentions(), min_size=1, max_size=3).map(tuple), id=st.none() | NAMES),
            max_size=4,
        )
    )
    pairs = [(head, tail) for head in range(len(entities)) for tail in range(len(entities)) if head != tail]
    triples = draw(st.lists(st.tuples(st.sampled_from(pairs), NAMES), unique=True, max_size=4)) if pairs else []
    evidence = st.lists(st.integers(0, len(sentences) - 1), max_size=2).map(tuple)
    labels = [
        Label(head=head, tail=tail, relation=relation, evidence=draw(evidence), truth=draw(st.none() | NAMES))
        for (head, tail), relation in triples
    ]
    return Document(
        title=draw(st.text(max_size=8)),
        sentences=tuple(map(tuple, sentences)),
        entities=tuple(entities),
        labels=tuple(labels),
    )


def without_ids_and_truths(document: Document) -> Document:
    return replace(
        document,
        entities=tuple(replace(entity, id=None) for entity in document.entities),
        labels=tuple(replace(label, truth=None) for label in document.labels),
    )


MENTION = Mention(sentence=0, start=0, end=1, name="Ada", type="PER")
PLAIN = Document(
    title="Ada",
    sentences=(("Ada", "met", "Zoë", "."),),
    entities=(Entity(mentions=(MENTION,)), Entity(mentions=(replace(MENTION, start=2, end=3, name="Zoë"),))),
    labels=(Label(head=0, tail=1, relation="P1", evidence=(0,)),),
)
DOCRED: dict[str, Any] = {
    "title": "Ada",
    "sents": [["Ada", "met", "Zoë", "."]],
    "vertexSet": [
        [{"name": "Ada", "sent_id": 0, "pos": [0, 1], "type": "PER"}],
        [{"name": "Zoë", "sent_id": 0, "pos": [2, 3], "type": "PER"}],
    ],
    "labels": [{"h": 0, "t": 1, "r": "P1", "evidence": [0]}],
}


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read_error(format: Format, path: Path) -> str:
    """Returns the one-line error of a broken file, without its path."""
    with pytest.raises(FormatError) as caught:
        list(format.read(path))
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


# ---------------------------------------------------------------- round trips


@settings(deadline=None, max_examples=60)
@given(st.lists(documents(), max_size=3))
@pytest.mark.parametrize("format", ALL, ids=["docred", "jsonl", "parquet"])
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, format: Format, written: list[Document]) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip"
    if isinstance(format, DocRED):
        written = [without_ids_and_truths(document) for document in written]
    for document in written:
        check_document(document, "generated")
    format.write(iter(written), path)
    assert list(format.read(path)) == written


@settings(deadline=None, max_examples=25)
@given(st.lists(documents().filter(lambda d: bool(d.entities)), min_size=1, max_size=3))
def test_a_corpus_holds_what_a_file_holds(tmp_path_factory: pytest.TempPathFactory, written: list[Document]) -> None:
    folder = tmp_path_factory.getbasetemp()
    JSONLines().write(written, folder / "corpus.jsonl")
    corpus = Corpus.read(folder / "corpus.jsonl", JSONLines(), folder / "cache")
    assert list(corpus.documents()) == written


def test_docred_means_what_it_says(tmp_path: Path) -> None:
    assert list(DocRED().read(write(tmp_path / "d.json", json.dumps([DOCRED])))) == [PLAIN]
    DocRED().write([PLAIN], tmp_path / "e.json")
    assert json.loads((tmp_path / "e.json").read_text(encoding="utf-8")) == [DOCRED]


def test_jsonl_means_what_it_says(tmp_path: Path) -> None:
    label = {"head": 0, "tail": 1, "relation": "P1"}
    row = DOCRED | {"labels": [label | {"truth": "P2", "uid": "0" * 16}], "entity_ids": ["Q1", None], "extra": 1}
    (document,) = JSONLines().read(write(tmp_path / "d.jsonl", "\ufeff" + json.dumps(row) + "\n\n"))
    assert document.labels == (Label(head=0, tail=1, relation="P1", truth="P2"),)
    assert [entity.id for entity in document.entities] == ["Q1", None]


def test_labels_types_and_evidence_may_be_missing(tmp_path: Path) -> None:
    vertices = [[{"name": "Ada", "sent_id": 0, "pos": [0, 1]}]]
    (document,) = DocRED().read(
        write(tmp_path / "d.json", json.dumps([DOCRED | {"labels": None, "vertexSet": vertices}]))
    )
    assert document.labels == ()
    assert document.entities[0].type is None


def test_the_parquet_file_is_one_of_datasets(tmp_path: Path) -> None:
    import datasets

    Parquet().write([PLAIN, replace(PLAIN, title="b")], tmp_path / "d.parquet")
    table = datasets.Dataset.from_parquet(str(tmp_path / "d.parquet"), cache_dir=str(tmp_path / "cache"))
    assert table["title"] == ["Ada", "b"]
    assert table[0]["labels"] == [{"head": 0, "tail": 1, "relation": "P1", "evidence": [0], "truth": None}]


@pytest.mark.parametrize("piece", [1, 2, 7, 64])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_large_array_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, indent: int | None
) -> None:
    monkeypatch.setattr(json_array, "_PIECE", piece)
    written = [DOCRED | {"title": "é" * n} for n in range(5)]
    path = write(tmp_path / "d.json", json.dumps(written, ensure_ascii=False, indent=indent))
    assert [document.title for document in DocRED().read(path)] == ["é" * n for n in range(5)]


def test_reading_begins_before_all_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "_PIECE", 1024)
    path = write(tmp_path / "d.json", json.dumps([DOCRED] * 50)[:-1] + ", broken")
    read = DocRED().read(path)
    assert next(read) == PLAIN
    with pytest.raises(FormatError):
        list(read)


def test_an_empty_list_holds_no_documents(tmp_path: Path) -> None:
    assert list(DocRED().read(write(tmp_path / "d.json", " [ ] \n"))) == []


# ---------------------------------------------------------------- read errors


@pytest.mark.parametrize("format", ALL)
def test_a_missing_file_or_a_directory_is_named(tmp_path: Path, format: Format) -> None:
    assert "expected a readable file, got 'No such file" in read_error(format, tmp_path / "nowhere")
    assert "expected a readable file, got 'Is a directory'" in read_error(format, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected a list of documents, which begins with '[', got the end of the file"),
        ("[", "line 1, column 2: expected JSON, got 'Expecting value'; is the file truncated?"),
        ('[{"title": "A"', "line 1, column 15: expected JSON, got \"Expecting ',' delimiter\""),
        ('[{"title":\n "A', "line 2, column 2: expected JSON, got 'Unterminated string starting at'"),
        ("[\n{},]", "line 2, document 1: expected the field 'title', got no fields"),
        ("{}", "line 1, column 1: expected a list of documents, which begins with '[', got '{'"),
        ("3", "line 1, column 1: expected a list of documents, which begins with '[', got '3'"),
        ("[1 2]", "line 1, document 1: expected an object, got the number 1"),
        (b'[{"title": "\xff"}]', "expected UTF-8, got byte 0xff at byte 12; save the file as UTF-8"),
        (b'[{"title": "\xc3', "expected UTF-8, got byte 0xc3 at byte 12"),
        ("[" * 100_000, "brackets nested too deeply"),
    ],
)
def test_a_broken_docred_file_is_named_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert message.replace('"', "'") in read_error(DocRED(), write(tmp_path / "d.json", text)).replace('"', "'")


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ("", "line 3, column 1: expected ',' or ']' after a document, got the end of the file"),
        ("{", "line 3, column 1: expected ',' or ']' after a document, got '{'"),
        (",\n]", "line 4, column 1: expected JSON, got 'Expecting value'"),
        ("]\n]", "line 4, column 1: expected the end of the file, got ']'"),
        ("]{}", "line 3, column 2: expected the end of the file, got '{'"),
    ],
)
@pytest.mark.parametrize("piece", [3, 1 << 18])
def test_what_follows_a_document_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, tail: str, message: str
) -> None:
    monkeypatch.setattr(json_array, "_PIECE", piece)
    path = write(tmp_path / "d.json", f"[\n{json.dumps(DOCRED)}\n{tail}")
    assert read_error(DocRED(), path).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "line 2, column 2: expected a JSON object, got 'Expecting property name"),
        (b"[]", "line 2: expected an object, got a list []"),
        (b"null", "line 2: expected an object, got null"),
        (b'{"title": "\xff"}', "line 2, column 12: expected UTF-8, got byte 0xff"),
        (b'{"title": "b"}', "line 2 ('b'): expected the field 'sents', got title"),
        (b"[" * 100_000, "line 2: expected a document, got brackets nested too deeply"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    JSONLines().write([PLAIN], tmp_path / "d.jsonl")
    path = write(tmp_path / "d.jsonl", (tmp_path / "d.jsonl").read_bytes() + line)
    assert read_error(JSONLines(), path).startswith(message)


def without(field: str) -> Callable[[dict[str, Any]], object]:
    return lambda row: row.pop(field)


def in_mention(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda row: row["vertexSet"][1][0].update(fields)


def in_label(**fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda row: row["labels"][0].update(fields)


FIELDS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (without("title"), ": expected the field 'title', got sents, vertexSet, labels; add it"),
    (without("sents"), " ('Ada'): expected the field 'sents', got title, vertexSet, labels"),
    (without("vertexSet"), " ('Ada'): expected the field 'vertexSet'"),
    (
        lambda row: row["vertexSet"][1][0].pop("pos"),
        " ('Ada'), vertexSet, entity 1, mention 0: expected the field 'pos'",
    ),
    (
        lambda row: row["vertexSet"][1][0].pop("name"),
        " ('Ada'), vertexSet, entity 1, mention 0: expected the field 'name'",
    ),
    (lambda row: row.update(title=3), ", title: expected a text, got the number 3"),
    (lambda row: row.update(sents="a b"), " ('Ada'), sents: expected a list, got the text 'a b'"),
    (lambda row: row.update(sents=["a b"]), " ('Ada'), sents[0]: expected a list of texts, got the text 'a b'"),
    (lambda row: row.update(sents=[["a"], ["b", 3]]), " ('Ada'), sents[1][1]: expected a text, got the number 3"),
    (lambda row: row.update(vertexSet=[{}]), " ('Ada'), vertexSet, entity 0: expected a list, got an object {}"),
    (lambda row: row.update(labels={}), " ('Ada'), labels: expected a list, got an object {}"),
    (
        in_mention(pos=[1]),
        " ('Ada'), vertexSet, entity 1, mention 0, pos: expected two numbers, first word and end, got",
    ),
    (
        in_mention(pos=[1, "2"]),
        " ('Ada'), vertexSet, entity 1, mention 0, pos[1]: expected a whole number, got the text",
    ),
    (in_mention(pos=[1, 2.5]), " ('Ada'), vertexSet, entity 1, mention 0, pos[1]: expected a whole number"),
    (in_mention(sent_id=True), " ('Ada'), vertexSet, entity 1, mention 0, sent_id: expected a whole number, got True"),
    (in_mention(type=3), " ('Ada'), vertexSet, entity 1, mention 0, type: expected a text, got the number 3"),
    (in_label(evidence=["0"]), " ('Ada'), labels, label 0, evidence[0]: expected a whole number, got the text '0'"),
    (in_label(r=1), " ('Ada'), labels, label 0, r: expected a text, got the number 1"),
    (in_label(h="0"), " ('Ada'), labels, label 0, h: expected a whole number, got the text '0'"),
    (lambda row: row["labels"][0].pop("t"), " ('Ada'), labels, label 0: expected the field 't', got h, r, evidence"),
    (
        lambda row: row.update(entity_ids=["Q1"]),
        " ('Ada'), entity_ids: expected an id or null for each of the 2 entities",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), FIELDS)
def test_a_wrong_field_is_named(tmp_path: Path, spoil: Callable[[dict[str, Any]], object], message: str) -> None:
    row = json.loads(json.dumps(DOCRED))
    spoil(row)
    path = write(tmp_path / "d.json", json.dumps([DOCRED, row]))
    assert read_error(DocRED(), path).startswith("line 1, document 2" + message)


def test_a_long_value_is_shown_in_part(tmp_path: Path) -> None:
    path = write(tmp_path / "d.json", json.dumps([DOCRED | {"sents": "x" * 1000}]))
    assert len(read_error(DocRED(), path)) < 150


def test_labels_under_other_names_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", json.dumps(DOCRED).replace('"h":', '"from":'))
    assert "label 0: expected the field 'head', got from, t, r, evidence; add it or name another format" in read_error(
        JSONLines(), path
    )


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    Parquet().write([PLAIN], tmp_path / "d.parquet")
    path = write(tmp_path / "d.parquet", (tmp_path / "d.parquet").read_bytes()[:-20])
    assert read_error(Parquet(), path).startswith("expected Parquet after row 0, got ")
    assert read_error(Parquet(), write(tmp_path / "e.parquet", "text")).startswith("expected Parquet after row 0, got ")


def test_a_missing_or_other_column_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"title": ["a"], "text": ["b"]}), path)
    assert read_error(Parquet(), path).startswith("row 1 ('a'): expected the field 'sents', got title, text")
    pq.write_table(pa.table({"title": [1]}), path)
    assert read_error(Parquet(), path).startswith("row 1, title: expected a text, got the number 1")


# ---------------------------------------------------------------- write errors


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            replace(PLAIN, entities=(replace(PLAIN.entities[0], id="Q1"),)),
            "entity 0, id: expected none in DocRED, got 'Q1'",
        ),
        (
            replace(PLAIN, labels=(replace(PLAIN.labels[0], truth="P1"),)),
            "label 0, truth: expected none in DocRED, got 'P1'; remove it (--drop), or write jsonl or parquet",
        ),
    ],
)
def test_docred_refuses_what_it_has_no_field_for(tmp_path: Path, document: Document, message: str) -> None:
    path = write(tmp_path / "d.json", "as it was")
    with pytest.raises(FormatError) as caught:
        DocRED().write([PLAIN, document], path)
    assert str(caught.value).startswith(f"{path}: document 2 ('Ada'), {message}")
    assert [p.name for p in tmp_path.iterdir()] == ["d.json"]
    assert path.read_text() == "as it was"


@pytest.mark.parametrize("format", ALL)
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, format: Format) -> None:
    def failing() -> Iterator[Document]:
        yield PLAIN
        raise ZeroDivisionError

    path = write(tmp_path / "d", "as it was")
    with pytest.raises(ZeroDivisionError):
        format.write(failing(), path)
    with pytest.raises(FormatError, match=r"expected Unicode text, got '\\ud800'"):
        format.write([replace(PLAIN, title="\ud800")], path)
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert path.read_text() == "as it was"


@pytest.mark.parametrize("format", ALL)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, format: Format) -> None:
    with pytest.raises(FormatError, match="expected to write here, got 'No such file"):
        format.write([PLAIN], tmp_path / "nowhere" / "d")


def test_parquet_refuses_numbers_beyond_32_bits(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"d: expected valid documents, got"):
        Parquet().write([replace(PLAIN, labels=(replace(PLAIN.labels[0], head=2**40),))], tmp_path / "d")


# ---------------------------------------------------------------- recognition and the hook


def test_each_format_recognises_its_own_files_only(tmp_path: Path) -> None:
    for number, format in enumerate(ALL):
        path = tmp_path / str(number)
        format.write([PLAIN], path)
        assert [other.recognises(path) for other in ALL] == [other is format for other in ALL]


@pytest.mark.parametrize(
    "text", ["", "text", "{}", '{"token": ["a"]}', '{"P1": [{"tokens": []}]}', "[]", "[1]", "\xff"]
)
def test_other_files_are_not_recognised(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "d", text.encode("latin-1"))
    assert not any(format.recognises(path) for format in ALL)


def test_a_missing_file_is_not_recognised(tmp_path: Path) -> None:
    assert not any(format.recognises(place) for format in ALL for place in (tmp_path, tmp_path / "nowhere"))


def test_only_the_beginning_is_looked_at(tmp_path: Path) -> None:
    path = write(tmp_path / "d.json", json.dumps([DOCRED]).encode() + b"\xff" * 1_000_000)
    assert DocRED().recognises(path)


def test_the_hook_names_the_formats() -> None:
    formats = finecl_formats.formats()
    assert {"docred": DocRED, "jsonl": JSONLines, "parquet": Parquet}.items() <= formats.items()
    assert list(formats) == sorted(formats)


# ---------------------------------------------------------------- real data


@pytest.mark.parametrize(("part", "labels"), [("dev", 17_284), ("test", 17_448)])
def test_redocred_is_read_whole(part: str, labels: int) -> None:
    path = DATA / "redocred" / f"{part}_revised.json"
    if not path.is_file():
        pytest.skip(f"Re-DocRED is not at {path}; set FINECL_DATA")
    assert DocRED().recognises(path)
    read = list(DocRED().read(path))
    assert len(read) == 500
    assert sum(len(document.labels) for document in read) == labels
    for document in read:
        check_document(document, document.title)
