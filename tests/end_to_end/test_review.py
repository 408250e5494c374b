"""Labels are exported for review; imported verdicts change scores, weights and the report."""

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
def scored(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished run that a test may change."""
    monkeypatch.setenv("FINECL_CACHE", str(finished_run.parent / "cache"))
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def read(run: Path) -> dict[str, dict[str, Any]]:
    return {row["uid"]: row for row in pq.read_table(run / "scores.parquet").to_pylist()}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["out.jsonl", "out.json"])
def test_a_round_trip_loses_nothing(name: str, scored: Path, tmp_path: Path, finecl: Finecl) -> None:
    before, out = read(scored), tmp_path / name
    result = finecl("review", "export", scored, out, "--random", 6, "--top", 4)
    assert result.code == 0, result.err
    assert "10 labels, 6 of them sampled at random" in result.out
    verdicts = fill_in_verdicts(out)
    result = finecl("review", "import", scored, out, "--json", "--quiet")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert (summary["judged"], summary["random"], summary["noisiest"]) == (9, 5, 4)
    assert (summary["read"], summary["without_verdict"], summary["of_other_data"]) == (9, 1, 0)
    right = [uid for uid, (verdict, why) in verdicts.items() if verdict == "right" and why == "random"]
    assert summary["accuracy"] == len(right) / 5
    after = read(scored)
    heaviest, cleanest = max(row["weight"] for row in before.values()), min(row["noise"] for row in before.values())
    for uid, row in after.items():
        verdict = verdicts.get(uid, (None, ""))[0]
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
    assert not exported & set(verdicts)
    assert len(exported) == 5  # the one without a verdict, and the next four of the noisiest


def test_a_label_judged_as_noisy_counts_once_a_larger_sample_includes_it(
    scored: Path, tmp_path: Path, finecl: Finecl
) -> None:
    out, everything = tmp_path / "out.jsonl", len(read(scored))
    assert finecl("review", "export", scored, out, "--random", 0, "--top", 5).code == 0
    out.write_text("".join(json.dumps(row | {"verdict": "wrong"}) + "\n" for row in rows(out)))
    summary = json.loads(finecl("review", "import", scored, out, "--json", "--quiet").out)
    assert (summary["noisiest"], summary["random"], summary["accuracy"]) == (5, 0, None)
    assert finecl("review", "export", scored, out, "--random", everything, "--top", 0).code == 0
    exported = rows(out)
    assert [row["drawn"] for row in exported] == ["random"] * everything
    assert sum(row["verdict"] == "wrong" for row in exported) == 5
    out.write_text("".join(json.dumps(row | {"verdict": row["verdict"] or "right"}) + "\n" for row in exported))
    summary = json.loads(finecl("review", "import", scored, out, "--json", "--quiet").out)
    assert (summary["random"], summary["accuracy"]) == (everything, (everything - 5) / everything)


def fill_in_verdicts(out: Path) -> dict[str, tuple[str, str]]:
    """Fills in all verdicts but one, alternately right and wrong; returns the verdict and sample of each uid."""
    if out.suffix == ".jsonl":
        exported = rows(out)
        for number, row in enumerate(exported[1:]):
            row["verdict"] = ("right", "wrong")[number % 2]
        out.write_text("".join(json.dumps(row) + "\n" for row in exported))
        return {row["uid"]: (row["verdict"], row["drawn"]) for row in exported[1:]}
    tasks = json.loads(out.read_text())
    verdicts = {}
    for number, task in enumerate(tasks[1:]):
        verdict = ("right", "wrong")[number % 2]
        task["annotations"] = [{"result": [{"from_name": "verdict", "value": {"choices": [verdict]}}]}]
        verdicts[task["data"]["uid"]] = (verdict, task["data"]["drawn"])
    out.write_text(json.dumps(tasks))
    return verdicts


def test_verdicts_reach_the_record_the_report_and_later_stages(scored: Path, tmp_path: Path, finecl: Finecl) -> None:
    out = tmp_path / "out.jsonl"
    assert finecl("review", "export", scored, out, "--random", 8, "--top", 0).code == 0
    exported = rows(out)
    out.write_text("".join(json.dumps(row | {"verdict": "wrong", "truth": "no relation"}) + "\n" for row in exported))
    result = finecl("review", "import", scored, out, "--quiet")
    assert result.code == 0, result.err
    assert "correct labels: 0.0%, 95 % interval 0.0% .. 32.4%, from 8 random labels" in result.out
    score = json.loads((scored / "metrics.json").read_text())["score"]
    assert score["review"]["random"] == 8
    assert "Labels right, by review" in (scored / "report.html").read_text(encoding="utf-8")
    result = finecl("evaluate", scored, "--quiet")
    assert "'pretrain' is not finished" in result.error_line()  # results based on the old weights are outdated


def test_refused_verdicts_change_nothing(scored: Path, tmp_path: Path, finecl: Finecl) -> None:
    before = (scored / "scores.parquet").read_bytes()
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"uid": "00", "verdict": "maybe"}\n')
    assert "line 1: verdict: expected right, wrong or null" in finecl("review", "import", scored, bad).error_line()
    assert "ends with .jsonl or .json" in finecl("review", "export", scored, tmp_path / "x.txt").error_line()
    assert not (scored / "verdicts.jsonl").exists()
    assert (scored / "scores.parquet").read_bytes() == before
    (scored / "scores.parquet").unlink()
    assert "expected a scored run" in finecl("review", "export", scored, tmp_path / "x.jsonl").error_line()
