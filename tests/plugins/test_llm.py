"""A language model as a source of labels and as a judge, against a scripted endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("openai", reason="openai is not installed: pip install 'finecl[llm]'")

from finecl_formats.jsonl import JSONLines
from finecl_llm.judge import Judge
from finecl_llm.labeler import LanguageModel
from finecl_llm.prompting import marked_text

from finecl.data.votes.gathering import gather
from finecl.errors import SettingsError
from finecl.testing import check_labeler, check_noise_scorer
from finecl.types import Document, Entity, Label, Mention, Vote
from tests.end_to_end.conftest import Finecl, environment, finecl
from tests.helpers.llm_server import Call, Script, changed, judged, listed, serving, status

__all__ = ["finecl"]  # a fixture


@pytest.fixture
def script() -> Iterator[Script]:
    with serving(Script()) as running:
        yield running


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")


def document(number: int, verb: str = "founded") -> Document:
    words = (f"Ada{number}", verb, "Acme", "in", "Rome", ".")
    entities = [(0, words[0], "PER"), (2, "Acme", "ORG"), (4, "Rome", None)]
    mentions = [Mention(sentence=0, start=at, end=at + 1, name=name, type=type) for at, name, type in entities]
    return Document(title=f"d{number}", sentences=(words,), entities=tuple(Entity(mentions=(m,)) for m in mentions))


@pytest.fixture
def relations(tmp_path: Path) -> str:
    path = tmp_path / "relations.toml"
    path.write_text('founded = "the head set up the tail"\nleft = "the head does not work for the tail any more"\n')
    return str(path)


def labeler(script: Script, relations: str, **settings: Any) -> LanguageModel:
    return LanguageModel(
        "tiny", relations=relations, base_url=script.url, **{"documents": 1, "concurrency": 1} | settings
    )


def claims(votes: Any) -> list[list[tuple[int, int, str | None]]]:
    return [[(vote.head, vote.tail, vote.relation) for vote in each] for each in votes]


def test_votes_are_what_the_model_reads(script: Script, relations: str) -> None:
    documents = [document(0), document(1, "left"), document(2, "met")]
    votes = list(labeler(script, relations).votes(documents))
    assert claims(votes) == [[(0, 1, "founded")], [(0, 1, "left")], []]
    assert votes[0][0].confidence == 0.9
    assert votes[0][0].provenance.startswith("tiny, prompt ")
    assert script.keys == {"Bearer sk-secret"}
    both = list(labeler(script, relations, documents=2, unlisted="none").votes(documents))
    assert script.requests == 3 + 1, "the last document is asked about alone, as before"
    assert both[1][0] == votes[1][0]
    assert {(v.head, v.tail) for v in both[1] if v.relation is None} == {(0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}


def test_the_request_holds_definitions_schema_and_numbered_entities(script: Script, relations: str) -> None:
    seen: list[Call] = []

    def seeing(call: Call) -> str:
        seen.append(call)
        return listed(call)

    script.answer = seeing
    list(labeler(script, relations).votes([document(0)]))
    body = seen[0].body
    assert "- founded: the head set up the tail" in body["messages"][0]["content"]
    assert "[0: Ada0] founded [1: Acme] in [2: Rome] ." in seen[0].question
    assert "0: Ada0 (PER)\n1: Acme (ORG)\n2: Rome" in seen[0].question
    schema = body["response_format"]["json_schema"]
    relation = schema["schema"]["properties"]["documents"]["items"]["properties"]["relations"]["items"]
    assert relation["properties"]["relation"]["enum"] == ["founded", "left"]
    assert schema["strict"] is True
    assert body["temperature"] == 0
    list(labeler(script, relations, structured=False).votes([document(0)]))
    assert "response_format" not in seen[1].body


def test_of_overlapping_mentions_the_longest_is_marked() -> None:
    long, short = (Mention(sentence=0, start=0, end=end, name="x") for end in (3, 1))
    entities = (Entity(mentions=(short,)), Entity(mentions=(long,)))
    text = Document(title="a", sentences=(("New", "York", "City", "grew"),), entities=entities)
    assert marked_text(text) == "[1: New York City] grew"


@pytest.mark.parametrize(
    "fault", [status(429, Retry_After="0"), status(500), status(503), changed(delay=1.0)],
    ids=["429", "500", "503", "time-out"],
)  # fmt: skip
def test_passing_faults_are_retried(fault: Any, script: Script, relations: str) -> None:
    script.faults = {0: fault, 2: fault}
    labelers = labeler(script, relations, timeout=0.4, retries=3)
    assert claims(labelers.votes([document(0), document(1)])) == [[(0, 1, "founded")]] * 2
    assert script.requests == 4
    assert labelers.numbers()["calls"] == 2
    assert labelers.numbers()["faults"] == 0


UNREADABLE = {
    "truncated": changed(content=lambda call: call.content[:-9]),
    "length": changed(finish="length"),
    "filter": changed(finish="content_filter"),
    "other schema": changed(content='{"answer": 3}'),
    "no JSON": changed(content="I think that Ada founded it."),
    "empty": changed(content=""),
    "refusal": changed(content="", refusal="I cannot help with that."),
    "unknown relation": changed(content=lambda call: call.content.replace("founded", "married")),
    "unknown entity": changed(content=lambda call: call.content.replace('"tail": 1', '"tail": 7')),
    "one entity": changed(content=lambda call: call.content.replace('"tail": 1', '"tail": 0')),
    "missing document": changed(content='{"documents": []}'),
    "confidence": changed(content=lambda call: call.content.replace("0.9", "7")),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_answers_that_cannot_be_read_are_asked_for_again_and_then_told(
    name: str, script: Script, relations: str
) -> None:
    script.faults = {0: UNREADABLE[name], 2: UNREADABLE[name], 3: UNREADABLE[name]}
    model = labeler(script, relations)
    assert claims(model.votes([document(0), document(1), document(2)])) == [
        [(0, 1, "founded")], [], [(0, 1, "founded")]
    ]  # fmt: skip
    numbers = model.numbers()
    assert (numbers["calls"], numbers["faults"]) == (5, 1)
    (line,) = Path(numbers["faults_file"]).read_text().splitlines()
    assert len(json.loads(line)["tries"]) == 2
    assert "[0: Ada1]" in json.loads(line)["question"]
    assert "sk-secret" not in line


def test_answers_are_paid_for_once(script: Script, relations: str) -> None:
    documents = [document(n) for n in range(5)]
    first = list(labeler(script, relations).votes(documents))
    again = labeler(script, relations)
    assert list(again.votes(documents)) == first
    assert script.requests == 5
    assert {key: again.numbers()[key] for key in ("calls", "from_cache", "tokens_in")} == {
        "calls": 0, "from_cache": 5, "tokens_in": 0,
    }  # fmt: skip
    Path(relations).write_text('founded = "another definition"\n')
    list(labeler(script, relations).votes(documents))
    assert script.requests == 10, "another prompt is another question"


def test_calls_run_at_once_within_the_limits_and_answers_keep_their_order(script: Script, relations: str) -> None:
    def slow(call: Call) -> str:
        call.delay = 0.02 if "Ada3" in call.question else 0.01
        return listed(call)

    script.answer = slow
    documents = [document(n, "founded" if n % 2 else "left") for n in range(40)]
    votes = claims(labeler(script, relations, concurrency=5).votes(documents))
    assert votes == [[(0, 1, "founded" if n % 2 else "left")] for n in range(40)]
    assert 2 <= script.most_at_once <= 5


def test_the_rate_of_calls_is_limited(script: Script, relations: str) -> None:
    began = time.monotonic()
    list(labeler(script, relations, concurrency=4, per_minute=1200).votes([document(n) for n in range(9)]))
    assert time.monotonic() - began >= 8 * 60 / 1200


def test_estimates_learn_from_the_answers_so_far(script: Script, relations: str) -> None:
    documents = [document(n, ("founded", "left", "met")[n % 3]) for n in range(120)]
    model = labeler(script, relations, price_in=1.0, price_out=4.0)
    blind = model.estimate(documents)
    assert (blind["calls"], blind["from_cache"], blind["estimated_from"]) == (120, 0, "characters")
    list(model.votes(documents[:30]))
    spent = (script.tokens_in, script.tokens_out)
    estimate = model.estimate(documents)
    assert (estimate["calls"], estimate["from_cache"], estimate["estimated_from"]) == (90, 30, "30 answers")
    list(model.votes(documents))
    counted = (script.tokens_in - spent[0], script.tokens_out - spent[1])
    assert estimate["tokens_in"] == pytest.approx(counted[0], rel=0.05)
    assert estimate["tokens_out"] == pytest.approx(counted[1], rel=0.05)
    assert estimate["dollars"] == pytest.approx((counted[0] + 4 * counted[1]) / 1e6, rel=0.05)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (status(401), "answered 401: .*scripted 401 for Bearer \\*\\*\\*"),
        (status(404), "answered 404"),
        (status(400), "answered 400"),
        (status(500), "answered 500: .*; answers so far are kept: run the same command again"),
        (changed(delay=1.0), "did not answer: .*; answers so far are kept"),
    ],
)
def test_lasting_faults_end_in_one_line_without_the_key(
    fault: Any, message: str, script: Script, relations: str
) -> None:
    script.faults = dict.fromkeys(range(1, 9), fault)
    model = labeler(script, relations, retries=1, timeout=0.3)
    with pytest.raises(SettingsError, match=message) as caught:
        list(model.votes([document(0), document(1)]))
    assert "sk-secret" not in str(caught.value)
    script.faults = {}
    assert claims(labeler(script, relations).votes([document(0), document(1)])) == [[(0, 1, "founded")]] * 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"relations": ""}, "llm, relations: expected a file of names and definitions, FILE.toml or FILE.json, got ''"),
        ({"prompt": "nothing.txt"}, "llm, prompt: expected a text file, got 'nothing.txt'"),
        ({"prompt": "PROMPT"}, "expected a prompt with \\$relations"),
        ({"source": ""}, "expected the name of a model, such as llm:MODEL, got none"),
        ({"relations": "BAD"}, "expected name = 'definition' for each relation"),
    ],
)
def test_faulty_settings_are_named(settings: dict[str, str], message: str, relations: str, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Find relations.")
    (tmp_path / "bad.toml").write_text("[founded]\nx = 1\n")
    known = {"PROMPT": str(tmp_path / "prompt.txt"), "BAD": str(tmp_path / "bad.toml")}
    given: dict[str, Any] = {"source": "tiny", "relations": relations, "base_url": "http://127.0.0.1:1/v1"}
    given |= {key: known.get(value, value) for key, value in settings.items()}
    with pytest.raises(SettingsError, match=message):
        LanguageModel(given.pop("source"), **given)


def test_openai_itself_is_not_asked_without_a_key(relations: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SettingsError, match="expected the environment variable OPENAI_API_KEY, or base_url"):
        LanguageModel("gpt", relations=relations)


def test_the_contract(script: Script, relations: str) -> None:
    check_labeler(LanguageModel, "tiny", relations=relations, base_url=script.url)
    ((_, votes),) = gather([document(0)], {"llm": labeler(script, relations)})
    assert votes == [[Vote(head=0, tail=1, relation="founded", confidence=0.9, provenance=votes[0][0].provenance)]]


@pytest.fixture
def files(tmp_path: Path, relations: str) -> Path:
    JSONLines().write([document(n, ("founded", "left", "met")[n % 3]) for n in range(60)], tmp_path / "docs.jsonl")
    return tmp_path


def command(files: Path, script: Script, *more: str) -> list[str]:
    options = {"relations": str(files / "relations.toml"), "base_url": script.url, "documents": "1", "price_in": "2"}
    settings = [f"--source-option=llm.{key}={value}" for key, value in options.items()]
    paths = [str(files / "docs.jsonl"), str(files / "out.jsonl")]
    return ["data", "label", *paths, "--with", "llm:tiny", "--quiet", "--json", *settings, *more]


def test_the_command_estimates_labels_and_never_writes_the_key(script: Script, files: Path, finecl: Finecl) -> None:
    planned = finecl(*command(files, script, "--dry-run"))
    assert planned.code == 0, planned.err
    assert json.loads(planned.out)["llm"]["calls"] == 60
    assert script.requests == 0
    assert not (files / "out.jsonl").exists()
    done = finecl(*command(files, script))
    assert done.code == 0, done.err
    numbers = json.loads(done.out)
    assert (numbers["labels"], numbers["sources"]["llm"]["calls"], numbers["sources"]["llm"]["faults"]) == (40, 60, 0)
    assert numbers["sources"]["llm"]["dollars"] == pytest.approx(2e-6 * script.tokens_in)
    written = [path for path in files.rglob("*") if path.is_file()]
    assert any(path.name.startswith("llm.sqlite") for path in written)
    assert not [path for path in written if b"sk-secret" in path.read_bytes()]


@pytest.mark.slow
def test_a_command_that_is_killed_three_times_pays_once(script: Script, files: Path, finecl: Finecl) -> None:
    """No vote is lost; only calls that were under way at a kill are paid for again; the estimate is within 5 %.

    With FINECL_HOSTILE=all for 10,000 documents.
    """
    count, at_once = 10_000 if os.environ.get("FINECL_HOSTILE") == "all" else 1_000, 4
    step = count // 50  # calls between two kills
    verbs = ("founded", "left", "met")
    JSONLines().write((document(n, verbs[n % 3]) for n in range(count)), files / "docs.jsonl")
    settings = ("--source-option=llm.documents=10", f"--source-option=llm.concurrency={at_once}")
    arguments = command(files, script, *settings)
    variables = environment(FINECL_CACHE=os.environ["FINECL_CACHE"], OPENAI_API_KEY="sk-secret")
    for kill in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "finecl_cli", *arguments], env=variables, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 120
        while script.requests < step * (kill + 1) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.2)  # calls under way end
        assert step * (kill + 1) <= script.requests < count // 10
        assert not (files / "out.jsonl").exists()
    planned = json.loads(finecl(*arguments, "--dry-run").out)["llm"]
    spent = (script.tokens_in, script.tokens_out)
    done = finecl(*arguments)
    assert done.code == 0, done.err
    votes = pq.read_table(files / "out.votes.parquet")
    assert len(votes) == sum(n % 3 < 2 for n in range(count))
    assert votes["relation"].to_pylist() == [verbs[n % 3] for n in range(count) if n % 3 < 2]
    assert len(script.answered) == count // 10
    assert sum(script.answered.values()) - len(script.answered) <= 3 * at_once
    assert planned["tokens_in"] == pytest.approx(script.tokens_in - spent[0], rel=0.05)
    assert planned["tokens_out"] == pytest.approx(script.tokens_out - spent[1], rel=0.05)


def founded(number: int, verb: str = "met") -> Document:
    """Returns a document whose label is "founded"."""
    return replace(document(number, verb), labels=(Label(head=0, tail=1, relation="founded"),))


def test_a_judge_scores_what_the_text_does_not_state(tmp_path: Path, finecl: Finecl) -> None:
    documents = [founded(n, "founded" if n % 3 else "left") for n in range(30)]
    JSONLines().write(documents, tmp_path / "docs.jsonl")
    with serving(Script(answer=judged, faults={4: status(500)})) as script:
        settings = [f"--set=scorer.{key}={value}" for key, value in {"model": "tiny", "base_url": script.url}.items()]
        done = finecl("score", tmp_path / "docs.jsonl", "--scorer", "llm-judge", *settings, "--quiet",
                      "--output-dir", tmp_path / "run")  # fmt: skip
    assert done.code == 0, done.err
    rows = pq.read_table(tmp_path / "run" / "scores.parquet").to_pylist()
    assert [row["noise"] for row in rows] == pytest.approx([0.2 if n % 3 else 0.8 for n in range(30)])
    assert len(script.answered) == 30


@pytest.mark.parametrize("structured", [True, False])
def test_the_contract_of_the_judge(structured: bool) -> None:
    with serving(Script(answer=judged)) as script:
        check_noise_scorer(Judge, model="tiny", base_url=script.url, structured=structured)


def test_a_judge_without_a_model_is_refused_before_anything_runs(tmp_path: Path, finecl: Finecl) -> None:
    JSONLines().write([founded(n) for n in range(12)], tmp_path / "docs.jsonl")
    refused = finecl(
        "score", tmp_path / "docs.jsonl", "--scorer", "llm-judge", "--output-dir", tmp_path / "run", "--quiet"
    )
    assert "expected the name of a model, as --set scorer.model=NAME, got none" in refused.error_line()
    assert not (tmp_path / "run" / "run.json").exists()


def test_labels_that_cannot_be_judged_get_one_half_and_are_told(
    tmp_path: Path, finecl: Finecl, caplog: pytest.LogCaptureFixture
) -> None:
    documents = [founded(n) for n in range(12)]
    JSONLines().write(documents, tmp_path / "docs.jsonl")
    unreadable = changed(content=lambda call: call.content if "Ada5" not in call.question else "no")
    with serving(Script(answer=judged, faults=dict.fromkeys(range(99), unreadable))) as script:
        settings = [f"--set=scorer.{key}={value}" for key, value in {"model": "tiny", "base_url": script.url}.items()]
        done = finecl(
            "score", tmp_path / "docs.jsonl", "--scorer", "llm-judge", *settings, "--output-dir", tmp_path / "run"
        )
    assert done.code == 0, done.err
    rows = pq.read_table(tmp_path / "run" / "scores.parquet").to_pylist()
    assert [row["noise"] for row in rows] == pytest.approx([0.8] * 5 + [0.5] + [0.8] * 6)
    assert "1 answers cannot be read" in done.err + caplog.text
