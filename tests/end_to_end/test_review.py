"""Labels go out of a run to be judged; the verdicts that come back change its scores, its weights and its report."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.end_to_end.conftest import Finecl


@pytest.fixture
def scored(straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished run once more, to be changed."""
    monkeypatch.setenv("FINECL_CACHE", str(straight.parent / "cache"))
    return Path(shutil.copytree(straight, tmp_path / "run"))


def read(run: Path) -> dict[str, dict[str, Any]]:
    return {row["uid"]: row for row in pq.read_table(run / "scores.parquet").to_pylist()}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["out.jsonl", "out.json"])
def test_a_round_trip_loses_nothing(name: str, scored: Path, tmp_path: Path, finecl: Finecl) -> None:
    before, out = read(scored), tmp_path / name
    told = finecl("review", "export", scored, out, "--random", 6, "--top", 4)
    assert told.code == 0, told.err
    assert "10 labels, 6 of them sampled at random" in told.out
    said = answered(out)
    told = finecl("review", "import", scored, out, "--json", "--quiet")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert (found["judged"], found["random"], found["noisiest"]) == (9, 5, 4)
    assert (found["read"], found["without_verdict"], found["of_other_data"]) == (9, 1, 0)
    right = [uid for uid, (verdict, why) in said.items() if verdict == "right" and why == "random"]
    assert found["accuracy"] == len(right) / 5
    after = read(scored)
    heaviest, cleanest = max(row["weight"] for row in before.values()), min(row["noise"] for row in before.values())
    for uid, row in after.items():
        verdict = said.get(uid, (None, ""))[0]
        assert row["verdict"] == verdict
        if verdict == "wrong":
            assert (row["noise"], row["weight"]) == (math.inf, 0)
        elif verdict == "right":
            assert (row["noise"], row["weight"]) == (cleanest, heaviest)
        else:
            assert (row["noise"], row["weight"]) == (before[uid]["noise"], before[uid]["weight"])
    again = tmp_path / "again.jsonl"
    assert finecl("review", "export", scored, again, "--random", 6, "--top", 4).code == 0
    exported = {row["uid"] for row in rows(again)}
    assert not exported & set(said)
    assert len(exported) == 5  # the one that was left open, and the next four of the noisiest


def test_a_label_judged_as_noisy_counts_once_a_larger_sample_draws_it(
    scored: Path, tmp_path: Path, finecl: Finecl
) -> None:
    out, everything = tmp_path / "out.jsonl", len(read(scored))
    assert finecl("review", "export", scored, out, "--random", 0, "--top", 5).code == 0
    out.write_text("".join(json.dumps(row | {"verdict": "wrong"}) + "\n" for row in rows(out)))
    told = json.loads(finecl("review", "import", scored, out, "--json", "--quiet").out)
    assert (told["noisiest"], told["random"], told["accuracy"]) == (5, 0, None)
    assert finecl("review", "export", scored, out, "--random", everything, "--top", 0).code == 0
    given = rows(out)
    assert [row["drawn"] for row in given] == ["random"] * everything
    assert sum(row["verdict"] == "wrong" for row in given) == 5
    out.write_text("".join(json.dumps(row | {"verdict": row["verdict"] or "right"}) + "\n" for row in given))
    told = json.loads(finecl("review", "import", scored, out, "--json", "--quiet").out)
    assert (told["random"], told["accuracy"]) == (everything, (everything - 5) / everything)


def answered(out: Path) -> dict[str, tuple[str, str]]:
    """Fills all but one in, right and wrong in turn; what was said, and why each was drawn."""
    if out.suffix == ".jsonl":
        given = rows(out)
        for number, row in enumerate(given[1:]):
            row["verdict"] = ("right", "wrong")[number % 2]
        out.write_text("".join(json.dumps(row) + "\n" for row in given))
        return {row["uid"]: (row["verdict"], row["drawn"]) for row in given[1:]}
    tasks = json.loads(out.read_text())
    said = {}
    for number, task in enumerate(tasks[1:]):
        verdict = ("right", "wrong")[number % 2]
        task["annotations"] = [{"result": [{"from_name": "verdict", "value": {"choices": [verdict]}}]}]
        said[task["data"]["uid"]] = (verdict, task["data"]["drawn"])
    out.write_text(json.dumps(tasks))
    return said


def test_verdicts_reach_the_record_the_report_and_later_stages(scored: Path, tmp_path: Path, finecl: Finecl) -> None:
    out = tmp_path / "out.jsonl"
    assert finecl("review", "export", scored, out, "--random", 8, "--top", 0).code == 0
    given = rows(out)
    out.write_text("".join(json.dumps(row | {"verdict": "wrong", "truth": "no relation"}) + "\n" for row in given))
    told = finecl("review", "import", scored, out, "--quiet")
    assert told.code == 0, told.err
    assert "correct labels: 0.0%, 95 % interval 0.0% .. 32.4%, from 8 random labels" in told.out
    score = json.loads((scored / "metrics.json").read_text())["score"]
    assert score["review"]["random"] == 8
    assert "Labels right, by review" in (scored / "report.html").read_text(encoding="utf-8")
    told = finecl("evaluate", scored, "--quiet")
    assert "'pretrain' is not finished" in told.complaint()  # what rests on the old weights does not count


def test_what_cannot_be_taken_changes_nothing(scored: Path, tmp_path: Path, finecl: Finecl) -> None:
    before = (scored / "scores.parquet").read_bytes()
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"uid": "00", "verdict": "maybe"}\n')
    assert "line 1: verdict: expected right, wrong or null" in finecl("review", "import", scored, bad).complaint()
    assert "ends with .jsonl or .json" in finecl("review", "export", scored, tmp_path / "x.txt").complaint()
    assert not (scored / "verdicts.jsonl").exists()
    assert (scored / "scores.parquet").read_bytes() == before
    (scored / "scores.parquet").unlink()
    assert "expected a scored run" in finecl("review", "export", scored, tmp_path / "x.jsonl").complaint()
