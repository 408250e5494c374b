"""Broken files of every format give one line with the location and exit code 2, and nothing is written."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import finecl_formats
import pytest
from finecl_formats.jsonl import JSONLines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finecl.data.validate import validate
from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention
from tests.end_to_end.conftest import Finecl

WORDS = ("Ada", "met", "Zoe", ".")
ENDS = tuple(Entity(mentions=(Mention(sentence=0, start=n, end=n + 1, name=WORDS[n], type="PER"),)) for n in (0, 2))
ONE = Document(title="1", sentences=(WORDS,), entities=ENDS, labels=(Label(head=0, tail=1, relation="met"),))
BARE = replace(ONE, entities=tuple(Entity(mentions=(replace(e.mentions[0], type=None),)) for e in ENDS))
READ_ONLY = ("crossre", "declared", "dygie", "nyt", "prodigy", "pubtator", "spert")
SOUND: dict[str, Document] = dict.fromkeys(finecl_formats.formats(), ONE) | dict.fromkeys(("semeval", "fewrel"), BARE)
SOUND["text"] = replace(ONE, entities=(), labels=())

Spoil = Callable[[bytes], bytes]


def text(old: str, new: str, count: int = 1) -> Spoil:
    """Returns a change that replaces a text."""

    def change(content: bytes) -> bytes:
        assert old.encode() in content, content
        return content.replace(old.encode(), new.encode(), count)

    return change


def cut(share: float) -> Spoil:
    return lambda content: content[: int(len(content) * share)]


def twice(content: bytes) -> bytes:
    """Returns a change that repeats lines."""
    return content + content


def rows_twice(content: bytes) -> bytes:
    """Returns a change that repeats the members of an array."""
    return json.dumps(json.loads(content) * 2).encode()


DEEP = "[" * 100_000
HUGE = "9" * 5000
LONG = "x" * 1_000_000

KINDS: list[tuple[str, str, Spoil, str]] = [
    # missing or truncated content
    ("truncated array", "docred", cut(0.7), "line 2, column"),
    ("array without its end", "docred", text("\n]", ""), "expected ',' or ']' after a document, got the end of the file"),
    ("array cut in a word", "tacred", cut(0.5), "is the file truncated?"),
    ("truncated line", "jsonl", cut(0.6), "line 1, column"),
    ("truncated object", "fewrel", cut(0.8), "line 1, column"),
    ("truncated parquet", "parquet", cut(0.5), "expected Parquet after row 0"),
    ("something after the array", "label-studio", lambda c: c + b"{}", "expected the end of the file, got '{'"),
    ("nothing between members", "tacred", lambda c: c.replace(b"\n]", b"\n{}]"), "expected ',' or ']'"),
    ("an object for the array", "docred", lambda c: c.strip()[1:-1], "line 2, column 1: expected a list of documents"),
    ("an array for the object", "fewrel", lambda c: b"[" + c + b"]", "expected an object of lists"),
    ("a list in a list", "opennre", lambda c: b"[" + c.strip() + b"]", "line 1: expected an object, got a list"),
    ("empty list", "docred", lambda c: b"[]", "expected documents, got none"),
    ("empty lines only", "jsonl", lambda c: b"\n\n \n", "expected documents, got none"),
    # encodings, line ends, constants, sizes
    ("Latin-1", "jsonl", lambda c: c.replace(b"Zoe", b"Zo\xeb"), "expected UTF-8, got byte 0xeb"),
    ("Latin-1 in an array", "docred", lambda c: c.replace(b"Zoe", b"Zo\xeb"), "expected UTF-8, got byte 0xeb at byte"),
    ("UTF-16", "opennre", lambda c: c.decode().encode("utf-16"), "line 1, column 1: expected UTF-8, got byte 0xff"),
    ("Latin-1 in SemEval", "semeval", lambda c: c.replace(b"met</", b"m\xeb</").replace(b"Zoe", b"Zo\xeb"), "got byte 0xeb"),
    ("half a surrogate pair", "jsonl", text("Zoe", "\\ud800"), "expected Unicode text, got '\\ud800'"),
    ("old Mac line ends", "jsonl", lambda c: (c + c).replace(b"\n", b"\r"), "line 1, column"),
    ("mixed line ends in an object", "doccano", lambda c: c.replace(b", ", b",\r\n", 1), "line 1, column"),
    ("NaN", "docred", text('"pos": [0, 1]', '"pos": [NaN, 1]'), "expected JSON, got 'NaN is not JSON'"),
    ("Infinity", "jsonl", text("[0, 1]", "[0, Infinity]"), "expected a JSON object, got 'Infinity is not JSON'"),
    ("thousands of digits", "jsonl", text("[0, 1]", f"[0, {HUGE}]"), "line 1: expected a JSON object, got 'Exceeds the"),
    ("a large number", "docred", text('"pos": [0, 1]', f'"pos": [0, {"9" * 100}]'), "pos[1]: expected a whole number below 2^63, got a number"),
    ("a huge field", "docred", text("[0, 1]", f'"{LONG}"'), "pos: expected a list, got the"),
    ("a huge title", "jsonl", lambda c: text("[0, 1]", "[0, 9]")(text('"1"', f'"{LONG}"')(c)), "words: expected 0"),
    ("nested too deeply", "jsonl", lambda c: DEEP.encode(), "brackets nested too deeply"),
    ("nested too deeply in an array", "tacred", lambda c: DEEP.encode(), "brackets nested too deeply"),
    ("binary", "semeval", lambda c: bytes(range(128, 256)) + c, "expected UTF-8, got byte"),
    # fields
    ("no title", "docred", text('"title"', '"name"'), "document 1: expected the field 'title', got name, sents"),
    ("no words", "tacred", text('"token"', '"tokens"'), "expected the field 'token'"),
    ("a number for a text", "opennre", text('"relation": "met"', '"relation": 3'), "relation: expected a text, got the number 3"),
    ("a text for a number", "doccano", text('"start_offset": 0', '"start_offset": "0"'), "start_offset: expected a whole"),
    ("a fraction", "glirel", text("[0, 0, ", "[0.5, 0, "), "ner, entity 0[0]: expected a whole number, got the number 0.5"),
    ("three numbers", "opennre", text("[0, 1]", "[0, 1, 2]"), "h, pos: expected two numbers"),
    ("no name in a list", "fewrel", text('["Ada", null, ', '["Ada", '), "h: expected a name, an id and a list of mentions"),
    ("null", "glirel", text('"ner": ', '"ner": null, "was": '), "ner: expected a list, got null"),
    ("ids for other entities", "jsonl", text('"entity_ids": [null, null]', '"entity_ids": [null]'), "entity_ids: expected an id"),
    # spans
    ("reversed words", "docred", text("[0, 1]", "[1, 0]"), "words: expected 0 <= start < end <= 4"),
    ("reversed inclusive words", "tacred", text('"subj_end": 0', '"subj_end": -1'), "expected 0 <= start <= end <= 3"),
    ("words out of range", "opennre", text("[2, 3]", "[2, 5]"), "t, pos: expected 0 <= start < end <= 4"),
    ("words below 0", "fewrel", text("[[0]]", "[[-1]]"), "expected 0 <= start < end <= 4"),
    ("words that do not follow", "fewrel", text("[[0]]", "[[0, 2]]"), "consecutive word numbers"),
    ("characters out of range", "doccano", text('"end_offset": 11', '"end_offset": 99'), "expected 0 <= start < end <= 13"),
    ("characters of white space", "doccano", text('"start_offset": 0, "end_offset": 3', '"start_offset": 3, "end_offset": 4'),
     "expected a span with words, got white space only"),
    ("other characters", "label-studio", text('"text": "Ada"', '"text": "Adam"'), "expected 'Ada', the characters [0, 3)"),
    ("no such sentence", "docred", text('"sent_id": 0', '"sent_id": 7'), "sentence: expected a sentence from 0 to 0, got 7"),
    # labels and links
    ("no such entity", "docred", text('"h": 0', '"h": 5'), "label 0, head: expected one of the 2 entities"),
    ("one entity for both", "docred", text('"h": 0', '"h": 1'), "tail: expected another entity than the head, got 1 for both"),
    ("no relation's name", "jsonl", text('"relation": "met"', '"relation": " "'), "relation: expected the name of a relation"),
    ("a link to nothing", "label-studio", text('"from_id": "1"', '"from_id": "7"'), "a link between marked spans, got one to '7'"),
    ("a link without a label", "label-studio", text('"labels": ["met"]', '"labels": []'), "labels: expected the relation, got none"),
    ("an unknown direction", "label-studio", text('"direction": "right"', '"direction": "up"'), "expected right, left or bi"),
    ("a position of nothing", "glirel", text('"position": [0, 0]', '"position": [1, 1]'), "the position of an entity under ner"),
    # ids
    ("an id twice", "tacred", rows_twice, "id: expected a unique id, got '1' again, first at line"),
    ("a number twice", "semeval", twice, "id: expected a unique id, got '1' again, first at line 1"),
    ("a region twice", "label-studio", text('"id": "2"', '"id": "1"'), "id: expected a unique id"),
    ("a span twice", "doccano", text('"id": 2', '"id": 1'), "id: expected a unique id"),
    # markers
    ("no marker", "semeval", text("</e1>", ""), "text: expected the marker </e1>"),
    ("a marker twice", "semeval", text("<e2>", "<e2><e2>"), "text: expected <e2> once"),
    ("markers turned around", "semeval", text("<e1>Ada</e1>", "</e1>Ada<e1>"), "expected 0 <= start < end"),
    ("no relation line", "semeval", text("\nmet\n", "\nmet (e1, e2)\n"), "expected a relation like Cause-Effect(e1,e2)"),
    ("a stray line", "semeval", lambda c: c.rstrip() + b"\n\nand so on\n", "line 5: expected a numbered sentence, got 'and so on'"),
]  # fmt: skip
NAMES = [f"{name} ({format})" for name, format, _, _ in KINDS]


def written(format: str, path: Path) -> bytes:
    finecl_formats.formats()[format]().write([SOUND[format]], path)
    return path.read_bytes()


def nothing_else(folder: Path, *files: Path) -> None:
    assert {path.name for path in folder.iterdir() if path.name != "cache"} == {file.name for file in files}


def test_enough_kinds_of_breakage_are_tested() -> None:
    assert len(KINDS) >= 40
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(("format", "spoil", "message"), [kind[1:] for kind in KINDS], ids=NAMES)
def test_a_broken_file_is_named_in_one_line(
    tmp_path: Path, finecl: Finecl, format: str, spoil: Spoil, message: str
) -> None:
    file, output = tmp_path / "broken", tmp_path / "out.jsonl"
    sound = written(format, file)
    assert finecl("data", "validate", file, "--format", format, "--quiet").code == 0
    file.write_bytes(spoil(sound))
    result = finecl("data", "validate", file, "--format", format, "--quiet")
    assert result.code == 2
    lines = result.err.splitlines()
    assert lines
    assert all(line.startswith(f"finecl: {file}: ") and len(line) < 1200 for line in lines), lines
    assert message in lines[0]
    assert "Traceback" not in result.err + result.out
    for arguments in (["convert", file, output], ["corrupt", file, output, "--rate", "0"]):
        complaint = finecl("data", *arguments, "--format", format, "--quiet").error_line()
        assert complaint.startswith(f"{file}: ") or "--rate" in complaint or str(output) in complaint, complaint
        nothing_else(tmp_path, file)


PLACES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("nothing", lambda path: None, "expected a file, got nothing; check the path"),
    ("a folder", lambda path: path.mkdir(), "expected a file, got a directory that no format recognises"),
    ("an empty file", lambda path: path.touch(), "expected documents, got an empty file"),
    ("another file", lambda path: path.write_text("Ada met Zoe."), "no format recognises this file; name one with --format"),
    ("a link to nothing", lambda path: path.symlink_to("nowhere"), "expected a file, got nothing; check the path"),
    ("a link to itself", lambda path: path.symlink_to(path.name), "expected a file, got nothing; check the path"),
    ("a long name", lambda path: None, "expected a file, got 'File name too long'; check the path"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "message"), PLACES, ids=[place[0] for place in PLACES])
@pytest.mark.parametrize("verb", ["validate", "convert", "stats", "split", "leakage", "corrupt", "label"])
def test_every_command_names_a_path_without_documents(
    tmp_path: Path, finecl: Finecl, verb: str, name: str, make: Callable[[Path], Any], message: str
) -> None:
    file = tmp_path / ("d" * (300 if name == "a long name" else 1))
    make(file)
    (tmp_path / "t.tsv").write_text("Ada\tmet\tZoe\n")
    more: dict[str, list[Any]] = {
        "convert": ["o.jsonl"],
        "split": ["o.jsonl", "--fraction", "0.5"],
        "leakage": ["--against", file],
        "corrupt": ["o.jsonl", "--rate", "0.5"],
        "label": ["o.jsonl", "--triples", tmp_path / "t.tsv"],
    }
    arguments = [tmp_path / part if part == "o.jsonl" else part for part in more.get(verb, ())]
    complaint = finecl("data", verb, file, *arguments, "--quiet").error_line()
    assert complaint.startswith(f"{file}: "), complaint
    assert message in complaint
    assert not [path for path in tmp_path.iterdir() if "o." in path.name]


FOLDERS: list[tuple[str, dict[str, bytes], str]] = [
    ("a text is missing", {"a.txt": b""}, "a.txt: expected a readable file, got 'No such file"),
    ("a span is no span", {"a.ann": b"T1 PER 0 3\tAda\n"}, "line 1: expected T1<tab>Type 0 5<tab>text, got 'T1 PER"),
    ("a span covers other text", {"a.ann": b"T1\tPER 0 3\tZoe\n"}, "line 1: expected 'Ada', the characters [0, 3)"),
    ("a span is out of range", {"a.ann": b"T1\tPER 0 99\tAda\n"}, "span 0: expected 0 <= start < end <="),
    ("a span has thousands of digits", {"a.ann": b"T1\tPER 0 " + b"9" * 5000 + b"\tAda\n"}, "expected characters of the text"),
    ("a name comes twice", {"a.ann": b"T1\tPER 0 3\tAda\nT1\tPER 0 3\tAda\n"}, "line 2: expected a unique name, got 'T1'"),
    ("a relation is none", {"a.ann": b"R1\tmet T1 T2\n"}, "line 1: expected R1<tab>Type Arg1:T1 Arg2:T2, got"),
    ("a relation of nothing", {"a.ann": b"R1\tmet Arg1:T1 Arg2:T2\n"}, "a link between marked spans, got one to 'T1'"),
    ("a reference of nothing", {"a.ann": b"N1\tReference T9 Wikidata:Q1\tAda\n"}, "expected a reference to a span above"),
    ("a text in Latin-1", {"a.txt": b"Ad\xe9 met Zoe ."}, "a.txt, column 3: expected UTF-8, got byte 0xe9"),
    ("annotations in Latin-1", {"a.ann": b"T1\tPER 0 3\tAd\xe9\n"}, "line 1, column 14: expected UTF-8, got byte 0xe9"),
    ("an empty text", {"a.txt": b"  ", "a.ann": b""}, "sentences: expected at least one with words, got none"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "message"), [row[1:] for row in FOLDERS], ids=[row[0] for row in FOLDERS])
def test_a_broken_folder_of_brat_is_named(
    tmp_path: Path, finecl: Finecl, files: dict[str, bytes], message: str
) -> None:
    folder = tmp_path / "annotated"
    folder.mkdir()
    for name, content in ({"a.txt": b"Ada met Zoe .", "a.ann": b"T1\tPER 0 3\tAda\n"} | files).items():
        (folder / name).write_bytes(content)
    if files.get("a.txt") == b"":
        (folder / "a.txt").unlink()
    for arguments in (["validate"], ["convert", tmp_path / "o.jsonl"]):
        complaint = finecl("data", arguments[0], folder, *arguments[1:], "--quiet").error_line()
        assert complaint.startswith(str(folder))
        assert message in complaint
    nothing_else(tmp_path, folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert", "d.jsonl", "o.xyz"], "o.xyz: expected a name that ends with .csv or .tsv or .jsonl or .parquet or .spacy, or --to"),
        (["convert", "d.jsonl", "o", "--to", "jsnl"], "no format is called 'jsnl'; did you mean 'jsonl'?"),
        (["convert", "d.jsonl", "none/o.jsonl"], "o.jsonl: expected to write here, got 'No such file"),
        (["convert", "d.jsonl", "o.jsonl", "--drop", "id"], "--drop: expected one of ids, types"),
        (["convert", "d.jsonl", "o", "--to", "semeval"], "SemEval cannot store entity 0's type 'PER'; drop it with --drop"),
        (["split", "d.jsonl", "o.jsonl"], "expected --fraction (optionally with --rest) or --share, got both or neither"),
        (["split", "d.jsonl", "o", "--share", "a=x"], "--share: expected NAME=SHARE, such as train=0.8, got 'a=x'"),
        (["split", "d.jsonl", "o.jsonl", "--fraction", "2"], "--fraction: expected a number above 0 and at most 1, got 2.0"),
        (["corrupt", "d.jsonl", "o.jsonl", "--rate", "nan"], "--rate: expected a number from 0 to 1, got nan"),
        (["corrupt", "d.jsonl", "o.jsonl", "--rate", "1"], "--rate: expected at most 0.000, since no more labels"),
        (["label", "d.jsonl", "o.jsonl", "--triples", "none.tsv"], "none.tsv: expected a readable file"),
        (["stats", "d.jsonl", "--tokenizer", "none"], "cannot read the tokenizer 'none'"),
        (["validate", "d.jsonl", "--relations", "none.json"], "none.json: expected a readable file"),
    ],
)  # fmt: skip
def test_wrong_options_are_named_and_nothing_is_written(
    tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    JSONLines().write([ONE], Path("d.jsonl"))
    assert message in finecl("data", *arguments, "--quiet").error_line()
    nothing_else(tmp_path, tmp_path / "d.jsonl")


def test_validate_prints_every_error_as_json(tmp_path: Path, finecl: Finecl) -> None:
    JSONLines().write([ONE, ONE], tmp_path / "d.jsonl")
    result = finecl("data", "validate", tmp_path / "d.jsonl", "--json", "--quiet")
    assert result.code == 2
    (bill,) = json.loads(result.out).values()
    assert (bill["clean"], bill["documents"], len(bill["faults"])) == (False, 2, 1)


# ---------------------------------------------------------------- fuzzing

SECONDS = float(os.environ.get("FINECL_FUZZ_SECONDS", "3"))
"""How long the fuzzer looks for a file that makes a reader crash; continuous integration gives it a minute."""

FILES = [name for name in finecl_formats.formats() if name not in ("brat", "text", "hugging-face", "spacy", *READ_ONLY)]
ANNOTATED = (
    b"T1\tPER 0 3\tAda\nT2\tPER 8 11\tZoe\n*\tEquiv T1 T2\nN1\tReference T1 W:Q1\tAda\nR1\tmet Arg1:T1 Arg2:T2\n"
)
PIECES = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r",
    b"\t",
    b"\\",
    b"\\ud800",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
]
PIECES += [
    b"\xff",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"<e1>",
    b"</e2>",
    b"9" * 4301,
    b"true",
    b'""',
    b" ",
    b"0.5",
]


def survive(format: str, content: bytes, path: Path) -> None:
    """Checks that reading, and writing what was read, succeeds or raises a FormatError."""
    if format == "brat":
        path = path.with_suffix(".folder")
        path.mkdir(exist_ok=True)
        (path / "a.txt").write_bytes(b"Ada met Zoe .")
    (path / "a.ann" if format == "brat" else path).write_bytes(content)
    reader = finecl_formats.formats()[format]()
    reader.recognises(path)
    with suppress(FormatError):
        JSONLines().write(reader.read(path), path.with_suffix(".out"))
    for fault in validate(path, reader).faults:
        assert fault.startswith(str(path))
        assert "\n" not in fault
        assert len(fault) < 1200, fault


def mutated(content: bytes, draw: random.Random) -> bytes:
    """Returns the bytes with some of them changed, removed, repeated or inserted."""
    for _ in range(draw.randint(1, 4)):
        at, end = sorted(draw.randint(0, len(content)) for _ in range(2))
        kind = draw.randrange(5)
        if kind == 0:
            content = content[:at] + draw.choice(PIECES) + content[at:]
        elif kind == 1:
            content = content[:at] + draw.choice(PIECES) + content[min(at + draw.randint(1, 9), len(content)) :]
        elif kind == 2:
            content = content[:at] + content[end:]
        elif kind == 3:
            content = content[:end] + content[at:end] + content[end:]
        else:
            content = content[:at] + bytes([draw.randrange(256)]) + content[at + 1 :]
    return content


def test_no_mutation_of_a_valid_file_crashes_a_reader(tmp_path: Path) -> None:
    """Runs for FINECL_FUZZ_SECONDS; the seed is the time, and is reported with a crash."""
    seed = time.time_ns()
    draw = random.Random(seed)
    sound = {format: written(format, tmp_path / "sound") for format in FILES}
    sound |= {"brat": ANNOTATED, "text": b"Ada met Zoe. Dr. No left!\nAnd so on.\n"}
    until, tried = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        format = draw.choice(list(sound))
        content = mutated(sound[format], draw)
        tried += 1
        try:
            survive(format, content, tmp_path / "fuzzed")
        except Exception as error:
            raise AssertionError(f"seed {seed}, {format}: {content[:2000]!r}") from error
    assert tried > 10 * SECONDS


FIELDS = """
title sents vertexSet labels head tail relation evidence h t r pos sent_id name type id token text data result
annotations value start end entities relations subj_start subj_end obj_start obj_end tokens ner entity_ids
tokenized_text position relation_text from_id to_id start_offset end_offset direction truth
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS.split()), inner, max_size=6),
    max_leaves=40,
)


@pytest.mark.parametrize("format", [name for name in FILES if name != "parquet"])
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(value=JSON, wrapped=st.booleans())
def test_no_json_crashes_a_reader(
    tmp_path_factory: pytest.TempPathFactory, format: str, value: object, wrapped: bool
) -> None:
    content = json.dumps([value] if wrapped else value).encode("utf-8", "surrogatepass")
    survive(format, content, tmp_path_factory.getbasetemp() / "fuzzed")
