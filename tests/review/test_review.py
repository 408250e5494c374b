"""Tests of the review of labels: selection, export and import of files, and use of the verdicts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finecl.corpus.excerpts import Excerpt
from finecl.errors import FormatError
from finecl.review.exchange import CONFIG, Task, read_answers, write_jsonl, write_label_studio
from finecl.review.sampling import DRAWN, drawn, spread_over_relations
from finecl.review.verdicts import Verdict, add_verdicts, apply_verdicts, estimate, judged, read_verdicts
from finecl.types import Uids

RELATIONS = {"place of birth": "P19", "P19": "P19", "P20": "P20", "no_relation": "no_relation"}


def uids(count: int) -> Uids:
    return np.random.default_rng(0).integers(0, 2**63, count).astype(np.uint64)


def task(number: int = 0, **changed: Any) -> Task:
    fields: dict[str, Any] = {
        "uid": number, "drawn": "random", "title": "T", "head": "Ada", "relation": "P19",
        "name": "place of birth", "tail": "Rom", "noise": 0.5, "weight": 1.5,
        "excerpt": Excerpt(text="Ada saw Rom .", head=((0, 3),), tail=((8, 11),)),
    }  # fmt: skip
    return Task(**(fields | changed))


def test_a_random_sample_is_drawn_of_all_and_the_noisiest_of_the_rest() -> None:
    noise = np.arange(1000, dtype=np.float32)
    relation = np.arange(1000) % 2
    names = uids(1000)
    reason = drawn(names, noise, relation, np.zeros(1000, dtype=np.bool_), top=50, random=100)
    random, noisiest = (np.flatnonzero(reason == DRAWN.index(why)) for why in ("random", "noisiest"))
    assert len(random) == 100
    assert {names[row] for row in random} == set(sorted(names)[:100])
    assert abs(noise[random].mean() - 500) < 100  # sampled from all labels, not from the noisy ones
    rest = [row for row in range(999, -1, -1) if row not in set(random.tolist())]
    assert sorted(rest[:50]) == noisiest.tolist()


def test_no_relation_has_more_than_its_share_of_the_noisiest() -> None:
    noise, relation = np.arange(100, dtype=np.float32), np.where(np.arange(100) < 90, 0, 1)
    reason = drawn(uids(100), noise, relation, np.zeros(100, dtype=np.bool_), top=20, random=0, most=5)
    assert np.flatnonzero(reason).tolist() == [85, 86, 87, 88, 89, 95, 96, 97, 98, 99]


def test_judged_labels_make_way_for_the_next_of_the_noisiest_but_stay_in_the_random_sample() -> None:
    noise, names = np.arange(100, dtype=np.float32), uids(100)
    first = drawn(names, noise, np.zeros(100, dtype=np.int64), np.zeros(100, dtype=np.bool_), top=10, random=20)
    second = drawn(names, noise, np.zeros(100, dtype=np.int64), first > 0, top=10, random=20)
    assert np.flatnonzero(second == 1).tolist() == np.flatnonzero(first == 1).tolist()
    assert not ((first == 2) & (second == 2)).any()
    assert (second == 2).sum() == 10
    assert noise[second == 2].max() < noise[first == 2].min()


def test_labels_are_spread_over_relations_by_the_square_root_of_their_number() -> None:
    relation = np.repeat([0, 1, 2], [900, 100, 25])
    names, none = uids(1025), np.zeros(1025, dtype=np.bool_)
    first = spread_over_relations(names, relation, none, 45)
    assert np.bincount(relation[first]).tolist() == [30, 10, 5]
    by_uid = sorted(np.flatnonzero(relation == 1).tolist(), key=lambda row: int(names[row]))
    assert sorted(first[relation[first] == 1].tolist()) == sorted(by_uid[:10])
    judged = none.copy()
    judged[first[relation[first] != 1]] = True
    assert np.bincount(relation[spread_over_relations(names, relation, judged, 10)]).tolist() == [0, 10]
    assert len(spread_over_relations(names, relation, none, 2000)) == 1025
    reason = drawn(names, np.zeros(1025, dtype=np.float32), relation, judged, top=5, random=20, spread=10)
    assert [int((reason == code).sum()) for code in (1, 2, 3)] == [20, 5, 10]
    assert not judged[reason == 3].any()


def test_verdicts_are_kept_the_later_counts_and_random_stays_random(tmp_path: Path) -> None:
    assert read_verdicts(tmp_path) == {}
    add_verdicts(tmp_path, [Verdict(uid=0xB, verdict="right", drawn="random"), Verdict(uid=0xA, verdict="wrong")])
    merged = add_verdicts(tmp_path, [Verdict(uid=0xB, verdict="wrong", truth="P20"), Verdict(uid=0xC, verdict="right")])
    assert merged[0xB] == Verdict(uid=0xB, verdict="wrong", truth="P20", drawn="random")
    assert read_verdicts(tmp_path) == merged
    assert [v.uid for v in read_verdicts(tmp_path).values()] == [0xA, 0xB, 0xC]
    (tmp_path / "verdicts.jsonl").write_text('{"uid": "a"}\n')
    with pytest.raises(FormatError, match="verdict: expected a value, got nothing"):
        read_verdicts(tmp_path)


def test_a_wrong_label_is_dropped_and_a_right_one_weighs_most() -> None:
    noise, weights = np.array([1, 2, 3, math.inf], dtype=np.float32), np.array([4, 3, 2, 0.5], dtype=np.float32)
    names = np.array([0xA, 0xB, 0xC, 0xD], dtype=np.uint64)
    verdicts = judged(names, {0xB: Verdict(uid=0xB, verdict="wrong"), 0xD: Verdict(uid=0xD, verdict="right")})
    assert verdicts.tolist() == [None, "wrong", None, "right"]
    new_noise, new_weights = apply_verdicts(noise, weights, verdicts)
    assert new_noise.tolist() == [1, math.inf, 3, 1]
    assert new_weights.tolist() == [4, 0, 2, 4]
    nothing = apply_verdicts(noise, weights, judged(names, {}))
    assert nothing[0] is noise
    assert nothing[1] is weights


def test_only_labels_drawn_at_random_tell_how_many_are_right() -> None:
    verdicts = [Verdict(uid=n, verdict="right" if n < 60 else "wrong", drawn="random") for n in range(100)]
    verdicts += [Verdict(uid=1000 + n, verdict="right" if n < 5 else "wrong", drawn="noisiest") for n in range(50)]
    verdicts += [Verdict(uid=5000, verdict="wrong")]
    estimated = estimate(verdicts)
    assert (estimated.judged, estimated.random, estimated.noisiest) == (151, 100, 50)
    assert estimated.accuracy == 0.6
    # Wilson's interval, computed from its formula.
    z, n, p = 1.959963984540054, 100, 0.6
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert estimated.low == pytest.approx((centre - half) / (1 + z * z / n))
    assert estimated.high == pytest.approx((centre + half) / (1 + z * z / n))
    assert estimated.noisiest_right == 0.1
    assert estimate([Verdict(uid=0xA, verdict="right")]).accuracy is None


def test_lines_go_out_and_come_back_with_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_jsonl([task(0), task(1, drawn="noisiest", noise=math.inf), task(2)], path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[0] == {
        "uid": "0" * 16, "drawn": "random", "title": "T", "head": "Ada", "relation": "P19", "name": "place of birth",
        "tail": "Rom", "noise": 0.5, "weight": 1.5, "text": "Ada saw Rom .", "head_spans": [[0, 3]],
        "tail_spans": [[8, 11]], "suggested": None, "suggested_confidence": None, "verdict": None, "truth": None,
    }  # fmt: skip
    assert rows[1]["noise"] == "inf"
    assert read_answers(path, RELATIONS) == ([], 3)
    rows[0] |= {"verdict": "wrong", "truth": "place of birth"}
    rows[1] |= {"verdict": "right"}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    verdicts, left = read_answers(path, RELATIONS)
    assert left == 1
    assert verdicts == [
        Verdict(uid=0, verdict="wrong", truth="P19", drawn="random"),
        Verdict(uid=1, verdict="right", drawn="noisiest"),
    ]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_separators_that_json_does_not_escape_are_part_of_a_line(separator: str, tmp_path: Path) -> None:
    path, relation = tmp_path / "out.jsonl", f"born{separator}in"
    write_jsonl([task(0, tail=f"Rom{separator}a", verdict="wrong", truth=relation), task(1, verdict="right")], path)
    verdicts, left = read_answers(path, {relation: relation})
    assert ([(v.uid, v.truth) for v in verdicts], left) == ([(0, relation), (1, None)], 0)
    merged = add_verdicts(tmp_path, verdicts)
    assert read_verdicts(tmp_path) == merged == add_verdicts(tmp_path, [])


def test_label_studio_goes_out_and_comes_back_with_verdicts(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    config = write_label_studio([task(0), task(1)], path)
    assert config.read_text() == CONFIG
    tasks = json.loads(path.read_text())
    assert tasks[0]["data"]["claim"] == "Ada | place of birth | Rom"
    regions = tasks[0]["predictions"][0]["result"]
    assert [(r["value"]["labels"], r["value"]["text"]) for r in regions] == [(["head"], "Ada"), (["tail"], "Rom")]
    assert read_answers(path, RELATIONS) == ([], 2)
    answer = [
        {"from_name": "verdict", "to_name": "text", "type": "choices", "value": {"choices": ["wrong"]}},
        {"from_name": "truth", "to_name": "text", "type": "textarea", "value": {"text": ["P20"]}},
    ]
    tasks[1]["annotations"] = [{"was_cancelled": True, "result": []}, {"result": answer}]
    path.write_text(json.dumps(tasks))
    assert read_answers(path, RELATIONS) == (
        [Verdict(uid=1, verdict="wrong", truth="P20", drawn="random")],
        1,
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"uid": "a", "verdict": "yes"}', "line 1: verdict: expected right, wrong or null, got 'yes'"),
        ('\n{"uid": "a", "verdict": "wrong", "truth": "P99"}', "line 2: truth: expected a relation of the run or null"),
        ('{"verdict": "wrong"}', "line 1: uid: expected a value, got nothing"),
        ("{", "line 1: expected a JSON object"),
        ("[1]", "task 0: expected an object, got 1"),
        ("[", "expected Label Studio's JSON export"),
    ],
)
def test_what_is_no_verdict_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.write_text(text)
    with pytest.raises(FormatError) as refused:
        read_answers(path, RELATIONS)
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)
