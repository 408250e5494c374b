"""Tests of metrics against the semantics of DocRED's official script and against plain double loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.metrics import (
    Fact,
    choose_threshold,
    counts_by_document,
    docred_facts_in_train,
    docred_scores,
    macro_scores,
    noise_scores,
    precision_recall_auc,
)
from finecl.types import Bools, Document, Floats
from tests.helpers.toy import GOLD, PREDICTED, TRAIN, document


def test_the_toy_case_of_the_official_script() -> None:
    scores = docred_scores(PREDICTED, GOLD, docred_facts_in_train(TRAIN))
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((3 / 5, 3 / 4, 2 / 3))
    assert (scores.ign_precision, scores.ign_f1) == pytest.approx((2 / 4, 0.6))
    assert (scores.predicted, scores.gold, scores.correct, scores.correct_in_train) == (5, 4, 3, 1)
    assert docred_scores(PREDICTED, GOLD, set()).ign_f1 == pytest.approx(2 / 3)


def test_counts_of_documents_sum_to_those_of_all() -> None:
    assert counts_by_document(PREDICTED, GOLD).tolist() == [
        [2, 2, 2],
        [1, 2, 2],
    ]  # the fact of "unknown" has no document
    known = [fact for fact in PREDICTED if fact[0] != "unknown"]
    scores = docred_scores(known, GOLD, set())
    assert counts_by_document(known, GOLD).sum(axis=0).tolist() == [scores.correct, scores.predicted, scores.gold]
    assert counts_by_document(known, [*GOLD, GOLD[0]]).tolist() == [[2, 2, 2], [1, 2, 2], [0, 0, 0]]
    assert counts_by_document([("D1", 0, 1, "P19")], GOLD, no_relation="P19").tolist() == [[0, 0, 1], [0, 0, 1]]


def test_facts_in_train_are_all_pairs_of_mention_names_with_direction() -> None:
    assert docred_facts_in_train(TRAIN) == {("Alice", "Paris", "P19"), ("A.", "Paris", "P19")}
    known = docred_facts_in_train(TRAIN)
    for names in (["alice"], ["ALICE"]):  # case-sensitive
        other = [document("D", [names, ["Paris"]], [(0, "P19", 1)])]
        assert docred_scores([("D", 0, 1, "P19")], other, known).correct_in_train == 0
    reverse = [document("D", [["Alice"], ["Paris"]], [(1, "P19", 0)])]
    assert docred_scores([("D", 1, 0, "P19")], reverse, known).correct_in_train == 0
    relation = [document("D", [["Alice"], ["Paris"]], [(0, "P20", 1)])]
    assert docred_scores([("D", 0, 1, "P20")], relation, known).correct_in_train == 0


def test_ign_leaves_recall_as_it_is_and_wrong_predictions_in_the_denominator() -> None:
    known = docred_facts_in_train(TRAIN)
    wrong_but_known = docred_scores([("D2", 0, 1, "P19"), ("D2", 2, 1, "P19")], GOLD, known)
    assert wrong_but_known.ign_precision == wrong_but_known.precision == 1 / 2
    right_and_known = docred_scores([("D1", 0, 1, "P19"), ("D2", 2, 1, "P19")], GOLD, known)
    assert right_and_known.recall == 2 / 4
    assert right_and_known.ign_f1 == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_duplicate_titles_collapse_as_in_the_script() -> None:
    gold = [
        document("D", [["Alice"], ["Paris"], ["Rome"]], [(0, "P19", 1), (0, "P20", 2)]),
        document("D", [["Bob"], ["Paris"]], [(0, "P19", 1)]),
    ]
    scores = docred_scores([("D", 0, 1, "P19"), ("D", 0, 2, "P20")], gold, {("Alice", "Paris", "P19")})
    assert (scores.gold, scores.correct, scores.correct_in_train) == (2, 2, 0)


@pytest.mark.parametrize(("predictions", "gold"), [([], GOLD), (PREDICTED, []), ([], [])])
def test_nothing_predicted_or_no_gold_scores_zero(predictions: list[Fact], gold: list[Document]) -> None:
    scores = docred_scores(predictions, gold, set())
    assert (scores.precision, scores.recall, scores.f1, scores.ign_precision, scores.ign_f1) == (0, 0, 0, 0, 0)
    assert macro_scores(predictions, gold).macro == 0


def test_ign_is_zero_when_every_prediction_is_a_known_fact() -> None:
    scores = docred_scores([("D1", 0, 1, "P19")], GOLD, docred_facts_in_train(TRAIN))
    assert (scores.precision, scores.ign_precision, scores.ign_f1) == (1, 0, 0)


def test_no_relation_is_neither_gold_nor_predicted() -> None:
    gold = [document("D", [["a"], ["b"]], [(0, "Other", 1), (1, "P1", 0)])]
    scores = docred_scores([("D", 0, 1, "Other"), ("D", 1, 0, "P1")], gold, set(), no_relation="Other")
    assert (scores.predicted, scores.gold, scores.f1) == (1, 1, 1)
    assert set(macro_scores([("D", 0, 1, "Other")], gold, no_relation="Other").by_relation) == {"P1"}


indices = st.integers(0, 2)
relations = st.sampled_from(["r", "s"])
titles = st.sampled_from(["A", "B"])
label_lists = st.lists(st.tuples(indices, relations, indices), max_size=4)


@given(
    predictions=st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), indices, indices, relations), max_size=8),
    labels=st.fixed_dictionaries({"A": label_lists, "B": label_lists}),
    train=label_lists,
)
def test_scores_equal_the_script_step_by_step(
    predictions: list[Fact], labels: dict[str, list[tuple[int, str, int]]], train: list[tuple[int, str, int]]
) -> None:
    names = [["x", "X"], ["y"], ["z", "x"]]
    gold = [document(title, names, claims) for title, claims in labels.items()]
    facts = docred_facts_in_train([document("T", names, train)])
    scores = docred_scores(predictions, gold, facts)
    f1, ign_f1 = script(predictions, gold, [document("T", names, train)])
    assert (scores.f1, scores.ign_f1) == pytest.approx((f1, ign_f1))


def script(predictions: list[Fact], gold: list[Document], train: list[Document]) -> tuple[float, float]:
    """Computes F1 as the loops of thunlp/DocRED code/evaluation.py do, with zero where it divides by zero."""
    known = []
    for label, entities in ((label, doc.entities) for doc in train for label in doc.labels):
        for a in entities[label.head].mentions:
            known += [(a.name, b.name, label.relation) for b in entities[label.tail].mentions]
    truth = [(doc.title, label.relation, label.head, label.tail) for doc in gold for label in doc.labels]
    correct = in_train = 0
    answers = sorted(set(predictions))
    for title, head, tail, relation in answers:
        if (title, relation, head, tail) not in truth:
            continue
        correct += 1
        entities = next(doc.entities for doc in gold if doc.title == title)
        pairs = [(a.name, b.name) for a in entities[head].mentions for b in entities[tail].mentions]
        in_train += any((a, b, relation) in known for a, b in pairs)
    recall = correct / len(set(truth)) if truth else 0.0
    f1s = []
    for hits, of in ((correct, len(answers)), (correct - in_train, len(answers) - in_train)):
        precision = hits / of if of else 0.0
        f1s.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return f1s[0], f1s[1]


def test_macro_counts_unpredicted_relations_unlike_the_release() -> None:
    result = macro_scores([*PREDICTED, ("D1", 1, 2, "P99")], GOLD)
    f1s = {name: round(scores.f1, 4) for name, scores in result.by_relation.items()}
    assert f1s == {"P19": 0.4, "P20": 1.0, "P27": 1.0, "P99": 0.0}  # P19: P 1/3, R 1/2
    assert result.macro == pytest.approx(2.4 / 3)  # P99 has no gold
    assert result.macro_predicted == pytest.approx(2.4 / 4)
    assert result.weighted_macro == pytest.approx((0.4 * 2 + 1 + 1) / 4)
    one = macro_scores([("D1", 0, 2, "P20")], GOLD)
    assert (one.macro, one.macro_predicted, one.weighted_macro) == pytest.approx((1 / 3, 1, 1 / 4))


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def bools(*values: int) -> Bools:
    return np.array(values, dtype=np.bool_)


def test_threshold_is_the_score_of_the_last_candidate_that_helps() -> None:
    chosen = choose_threshold(floats(0.1, 0.9, 0.8, 0.7), bools(0, 1, 0, 1), gold_count=3)
    assert chosen.threshold == pytest.approx(0.7)
    assert chosen.f1 == pytest.approx(2 * 2 / (3 + 3))


def test_candidates_of_equal_score_are_predicted_together() -> None:
    chosen = choose_threshold(floats(0.5, 0.5, 0.5, 0.9), bools(1, 0, 0, 1), gold_count=2)
    assert chosen.threshold == pytest.approx(0.9)
    assert chosen.f1 == pytest.approx(2 / 3)  # not 2 * 2 / (2 + 2), which half a tie would give


def test_threshold_without_candidates_or_without_hits() -> None:
    assert choose_threshold(floats(), bools(), gold_count=3).threshold == math.inf
    assert choose_threshold(floats(0.5, 0.4), bools(0, 0), gold_count=0).f1 == 0


candidates = st.lists(st.tuples(st.sampled_from([-1.5, 0.0, 0.1, 0.3, 2.0]), st.booleans()), min_size=1, max_size=9)


@given(candidates=candidates, lost=st.integers(0, 3))
def test_threshold_gives_the_best_f1_of_all_and_the_one_it_says(
    candidates: list[tuple[float, bool]], lost: int
) -> None:
    scores, correct = floats(*(c[0] for c in candidates)), bools(*(c[1] for c in candidates))
    gold = int(correct.sum()) + lost
    chosen = choose_threshold(scores, correct, gold)

    def f1(threshold: float) -> float:
        predicted = scores >= threshold
        return float(2 * (correct & predicted).sum() / (predicted.sum() + gold))

    assert chosen.f1 == pytest.approx(f1(chosen.threshold))
    assert chosen.f1 == pytest.approx(max(f1(float(score)) for score in scores))


def test_area_is_by_trapezoids_between_the_points_of_docreds_code() -> None:
    scores, correct = floats(0.9, 0.8, 0.7, 0.1), bools(1, 0, 1, 0)
    # recall 1/3 1/3 2/3 2/3 and precision 1 1/2 2/3 1/2: one of three gold facts has no candidate
    assert precision_recall_auc(scores, correct, gold_count=3) == pytest.approx((1 / 2 + 2 / 3) / 2 / 3)


def test_area_does_not_depend_on_the_order_of_equal_scores() -> None:
    scores = floats(0.9, 0.5, 0.5, 0.5)
    first = precision_recall_auc(scores, bools(1, 1, 0, 0), gold_count=2)
    assert first == precision_recall_auc(scores, bools(1, 0, 0, 1), gold_count=2) == pytest.approx(0.5 * 0.75)


def test_area_without_a_curve_is_zero() -> None:
    assert precision_recall_auc(floats(), bools(), gold_count=2) == 0
    assert precision_recall_auc(floats(0.5, 0.5), bools(1, 1), gold_count=2) == 0
    assert precision_recall_auc(floats(0.5, 0.4), bools(0, 0), gold_count=0) == 0


def test_noise_is_judged_by_rank_so_infinity_is_one_more_rank() -> None:
    noise, wrong = floats(1, 2, math.inf, 3, math.inf), bools(0, 0, 1, 1, 0)
    scores = noise_scores(noise, wrong)
    # of the 6 (wrong, right) pairs 4 are in order and 1 is tied, 1 the wrong way round
    assert scores.auroc == pytest.approx(4.5 / 6)
    assert scores == noise_scores(floats(-9, 0, 7, 1, 7), wrong)
    assert scores.average_precision == pytest.approx(1 / 2 * 1 / 2 + 1 / 2 * 2 / 3)


def test_precision_of_the_noisiest_tenth_is_expected_where_noise_is_tied() -> None:
    noise = floats(*[9.0], *[5.0] * 4, *[1.0] * 15)  # the noisiest 2 of 20: one is certain, one is any of four
    wrong = bools(1, *[1, 1, 1, 0], *[0] * 15)
    assert noise_scores(noise, wrong).precision_at_10_percent == pytest.approx((1 + 3 / 4) / 2)


@pytest.mark.parametrize("value", [0, 1])
def test_noise_scores_need_both_classes(value: int) -> None:
    scores = noise_scores(floats(1, 2), bools(value, value))
    assert (scores.auroc, scores.average_precision, scores.precision_at_10_percent) == (None, None, None)
