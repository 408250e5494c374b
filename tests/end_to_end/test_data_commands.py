"""Tests of ``finecl data``: every format converts and trains, and every subcommand prints JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import finecl_formats
import pyarrow.parquet as pq
import pytest
from finecl_formats.docred import DocRED
from finecl_formats.jsonl import JSONLines

from finecl.types import Document, Entity, Label, Mention
from tests.end_to_end.conftest import Finecl, Small, environment

READ_ONLY = ("crossre", "declared", "dygie", "nyt", "prodigy", "pubtator", "spert")
TRAINED = [name for name in finecl_formats.formats() if name not in ("text", *READ_ONLY)]  # "text" has no labels


def sentences(typed: bool) -> list[Document]:
    """Returns documents of one sentence, two entities and one label, which every format but plain text supports."""
    relations = {"born-in": ("was", "born", "in"), "works-for": ("is", "paid", "by")}
    documents = []
    for number in range(24):
        relation = list(relations)[number % 2]
        words = (f"Person{number}", *relations[relation], f"Place{number}", ".")
        kinds = ("PER", "LOC") if typed else (None, None)
        ends = tuple(
            Entity(mentions=(Mention(sentence=0, start=at, end=at + 1, name=words[at], type=kind),))
            for at, kind in zip((0, 4), kinds, strict=True)
        )
        labels = (Label(head=0, tail=1, relation=relation),)
        documents.append(Document(title=str(number + 1), sentences=(words,), entities=ends, labels=labels))
    return documents


@pytest.mark.parametrize("name", TRAINED)
def test_every_format_converts_to_canonical_and_trains_a_step(
    tmp_path: Path, small: Small, finecl: Finecl, name: str
) -> None:
    if name == "spacy":
        pytest.importorskip("spacy", reason="spaCy is not installed: pip install 'finecl[spacy]'")
    source, canonical = tmp_path / "source", tmp_path / "canonical.parquet"
    written = sentences(typed=name not in ("semeval", "fewrel"))
    finecl_formats.formats()[name]().write(written, source)
    result = finecl("data", "convert", source, canonical, "--json", "--quiet")
    assert result.code == 0, result.err
    assert json.loads(result.out) == {"output": str(canonical), "documents": 24, "entities": 48, "labels": 24}
    # Only the proxy is trained: entity discrimination would need a third entity for its negatives.
    arguments = small.arguments(tmp_path / "run", proxy__num_train_epochs=1, proxy__batch_size=24)
    result = finecl(*arguments, "--silver", canonical, "--gold", canonical, "--stop-after", "score")
    assert result.code == 0, result.err
    scores = pq.read_table(tmp_path / "run" / "scores.parquet").to_pydict()
    assert sorted(scores["relation"]) == ["born-in"] * 12 + ["works-for"] * 12
    assert all(0 < loss < float("inf") for loss in scores["loss_mean"])


def test_a_brat_folder_can_be_trained_on_directly(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    finecl_formats.formats()["brat"]().write(sentences(typed=True), tmp_path / "annotated")
    arguments = small.arguments(tmp_path / "run", proxy__num_train_epochs=1)
    result = finecl(*arguments, "--silver", tmp_path / "annotated", "--stop-after", "score")
    assert result.code == 0, result.err


def numbers(finecl: Finecl, *arguments: object) -> dict[str, Any]:
    result = finecl("data", *arguments, "--json", "--quiet")
    assert result.code == 0, result.err
    assert result.err == ""
    parsed: dict[str, Any] = json.loads(result.out)
    return parsed


def test_every_subcommand_prints_json(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    silver, test = small.data / "silver.jsonl", small.data / "test.jsonl"
    labels = sum(len(document.labels) for document in small.documents["silver"])
    assert numbers(finecl, "validate", silver)[str(silver)]["clean"] is True
    result = numbers(finecl, "stats", silver, test, "--tokenizer", small.model, "--max-length", 16)
    assert result[str(silver)]["labels"] == labels
    assert result[str(silver)]["sub_words"]["lost_by_truncation"]["documents"] == 14
    assert 0 <= result["shared_entity_pairs"][str(silver)][str(test)] <= 1
    result = numbers(finecl, "split", silver, tmp_path / "a.jsonl", "--fraction", "0.1", "--rest", tmp_path / "b.jsonl")
    assert result["chosen"] + result["rest"] == 14
    parts = [list(JSONLines().read(tmp_path / name)) for name in ("a.jsonl", "b.jsonl")]
    assert sorted(d.title for part in parts for d in part) == sorted(d.title for d in small.documents["silver"])
    result = numbers(finecl, "split", silver, tmp_path / "parts", "--share", "train=0.5", "--share", "dev=0.5")
    assert result == {"train": 7, "dev": 7}
    result = numbers(finecl, "corrupt", silver, tmp_path / "c.jsonl", "--rate", "0.5", "--kind", "entity-swap")
    assert result["changed"] == round(labels / 2)
    result = numbers(finecl, "leakage", test, "--against", test, "--drop", tmp_path / "d.jsonl")
    assert sum(result["leaked_documents"].values()) == result["documents"] == 6
    assert list(JSONLines().read(tmp_path / "d.jsonl")) == []


def test_labelling_writes_facts_and_relation_names(
    tmp_path: Path, small: Small, finecl: Finecl, data_dir: Path
) -> None:
    facts = {
        (str(d.entities[x.head].id), "place of birth", str(d.entities[x.tail].id))
        for d in small.documents["silver"]
        for x in d.labels
    }
    (tmp_path / "t.tsv").write_text("".join("\t".join(fact) + "\n" for fact in sorted(facts)))
    properties = data_dir / "wikidata" / "properties.json"
    result = numbers(
        finecl, "label", small.data / "silver.jsonl", tmp_path / "s.jsonl", "--triples", tmp_path / "t.tsv",
        "--properties", properties, "--no-relation-pairs", "2",
    )  # fmt: skip
    assert result["labels_by_relation"] == {"P19": result["labels"]}
    assert result["labels_by_matcher"] == {"id": result["labels"]}
    assert json.loads((tmp_path / "rel_info.json").read_text()) == {"P19": "place of birth"}
    assert pq.read_table(tmp_path / "s.facts.parquet").num_rows == result["labels"] + result["candidates"]
    written = list(JSONLines().read(tmp_path / "s.jsonl"))
    assert {label.truth for document in written for label in document.labels} == {None}


def test_training_never_reads_the_true_labels(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    """The same noisy labels with and without their truth give the same noise and weights."""
    noisy, blind = tmp_path / "noisy.jsonl", tmp_path / "blind.jsonl"
    numbers(finecl, "corrupt", small.data / "silver.jsonl", noisy, "--rate", "0.4")
    numbers(finecl, "convert", noisy, blind, "--drop", "truth")
    scores = []
    for file in (noisy, blind):
        arguments = small.arguments(tmp_path / file.stem)
        result = finecl(*arguments, "--silver", file, "--stop-after", "score")
        assert result.code == 0, result.err
        scores.append(pq.read_table(tmp_path / file.stem / "scores.parquet").drop(["truth"]).to_pydict())
    assert scores[0] == scores[1]


def test_progress_goes_to_stderr_and_numbers_to_stdout(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    result = finecl("data", "convert", small.data / "silver.jsonl", tmp_path / "o.parquet")
    assert result.out.splitlines()[1:2] == ["documents: 14"]
    assert "reading: documents" in result.err
    assert "14 documents" in result.err


def test_a_large_json_array_is_read_in_constant_memory(tmp_path: Path) -> None:
    """Converting 40 MB has the same peak memory as converting 4 MB."""
    words = tuple(f"word{n}" for n in range(200))
    ends = tuple(Entity(mentions=(Mention(sentence=0, start=n, end=n + 1, name=words[n]),)) for n in range(20))
    document = Document(title="t", sentences=(words,), entities=ends)
    peaks = []
    for count in (1_200, 12_000):
        many = (replace(document, title=str(n)) for n in range(count))
        DocRED().write(many, tmp_path / "large.json")
        code = (
            "import resource, sys; from finecl_cli.main import run; assert run(sys.argv[1:]) == 0; "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)"
        )
        arguments = ["data", "convert", tmp_path / "large.json", tmp_path / "out.jsonl", "--quiet"]
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, timeout=120)
        peaks.append(int(done.stderr))
    assert (tmp_path / "large.json").stat().st_size > 30_000_000
    assert peaks[1] - peaks[0] < 10, f"peaks in MB: {peaks}"
