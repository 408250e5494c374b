"""Tests of sentence- and bag-level scores against plain loops, sklearn, and rules of TACRED's and OpenNRE's code."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc, f1_score

from finecl.errors import FormatError
from finecl.metrics import NamedFact, accuracy, bag_facts, bag_scores, sentence_scores, tacred_scores
from finecl.types import Document, Entity, Label, Mention

NO = "no_relation"

# ---------------------------------------------------------------- TACRED


def test_tacred_all_negative_gold() -> None:
    scores = tacred_scores([NO, "r", NO], [NO, NO, NO])
    assert (scores.precision, scores.recall, scores.f1, scores.predicted, scores.gold) == (0, 0, 0, 1, 0)


@pytest.mark.parametrize("gold", [[NO, NO], ["r", NO]])
def test_tacred_without_a_guess_has_precision_one_and_f1_zero(gold: list[str]) -> None:
    scores = tacred_scores([NO, NO], gold)
    assert (scores.precision, scores.recall, scores.f1) == (1, 0, 0)


def test_tacred_a_wrong_positive_is_wrong_twice() -> None:
    scores = tacred_scores(["s", "r"], ["r", "r"])
    assert (scores.correct, scores.predicted, scores.gold) == (1, 2, 2)
    assert scores.f1 == 0.5
    assert tacred_scores([NO, "r"], ["r", "r"]).precision == 1  # a missed relation is one error


def test_tacred_leaves_out_the_literal_label_only() -> None:
    assert tacred_scores(["NA", "r"], ["NA", "s"]).f1 == 0.5
    assert tacred_scores([NO, "r"], [NO, "s"]).f1 == 0


labels = st.lists(st.tuples(st.sampled_from([NO, "r", "s"]), st.sampled_from([NO, "r", "s"])), max_size=12)


@given(pairs=labels)
def test_tacred_equals_the_loop_of_its_scorer(pairs: list[tuple[str, str]]) -> None:
    correct = guessed = gold = 0
    for guess, true in pairs:
        if guess != NO:
            guessed += 1
        if true != NO:
            gold += 1
            if guess == true:
                correct += 1
    precision = correct / guessed if guessed else 1.0
    recall = correct / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    scores = tacred_scores([p for p, _ in pairs], [g for _, g in pairs])
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((precision, recall, f1))


# ---------------------------------------------------------------- accuracy, micro and macro


def test_accuracy_counts_no_relation_like_any_other_label() -> None:
    assert accuracy([NO, "r", "s", "s"], [NO, "r", "r", NO]) == 2 / 4
    assert accuracy([], []) == 0


@given(pairs=labels.filter(bool))
def test_micro_f1_without_a_no_relation_label_is_accuracy_and_macro_is_sklearns(pairs: list[tuple[str, str]]) -> None:
    predictions, gold = [p for p, _ in pairs], [g for _, g in pairs]
    scores = sentence_scores(predictions, gold)
    assert scores.micro.f1 == pytest.approx(scores.accuracy) == pytest.approx(accuracy(predictions, gold))
    macro = f1_score(gold, predictions, labels=sorted(set(gold)), average="macro", zero_division=0)
    assert scores.macro_f1 == pytest.approx(macro)
    without = sentence_scores(predictions, gold, no_relation=NO)
    assert NO not in without.by_relation
    assert without.accuracy == scores.accuracy
    relations = sorted({*gold, *predictions} - {NO})
    if relations:
        micro = f1_score(gold, predictions, labels=relations, average="micro", zero_division=0)
        assert without.micro.f1 == pytest.approx(micro)


def test_a_relation_that_only_predictions_have_lowers_micro_but_is_no_macro_class() -> None:
    scores = sentence_scores(["r", "t"], ["r", NO], no_relation=NO)
    assert (scores.macro_f1, scores.micro.precision, scores.by_relation["t"].f1) == (1, 1 / 2, 0)


def test_every_gold_label_needs_a_prediction() -> None:
    for function in (accuracy, sentence_scores, tacred_scores):
        with pytest.raises(FormatError, match="expected 2 predictions, one for each gold label, got 1"):
            function(["r"], ["r", "s"])


# ---------------------------------------------------------------- bags


def sentence(head: str, tail: str, relation: str, ids: bool = True) -> Document:
    ends = tuple(
        Entity(mentions=(Mention(sentence=0, start=i, end=i + 1, name=f"name of {end}"),), id=end if ids else None)
        for i, end in enumerate((head, tail))
    )
    return Document(
        title=f"{head} {tail}",
        sentences=(("a", "b"),),
        entities=ends,
        labels=(Label(head=0, tail=1, relation=relation),),
    )


def test_facts_of_bags_are_named_by_id_else_by_name_and_na_is_none() -> None:
    documents = [sentence("h", "t", "r"), sentence("h", "t", "r"), sentence("h", "t", "NA"), sentence("t", "h", "r")]
    assert bag_facts(documents) == {("h", "t", "r"), ("t", "h", "r")}
    assert bag_facts([sentence("h", "t", "r", ids=False)]) == {("name of h", "name of t", "r")}
    assert bag_facts([sentence("h", "t", "none")], no_relation="none") == set()


@pytest.mark.parametrize("of_sentences", [(0.1, 0.9), (0.9, 0.1)])
def test_a_bag_has_the_score_of_its_best_sentence(of_sentences: tuple[float, float]) -> None:
    facts: list[NamedFact] = [("h", "t", "r"), ("h", "t", "s"), ("h", "t", "r"), ("h", "t", "NA")]
    scores = bag_scores(facts, [of_sentences[0], 0.5, of_sentences[1], 1.0], {("h", "t", "r")}, at=(1, 2, 4))
    assert (scores.predicted, scores.gold, scores.correct) == (2, 1, 1)
    assert scores.precision_at == {1: 1, 2: 1 / 2, 4: 1 / 4}  # two candidates, divided by four
    assert scores.precision_at_mean == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert scores.max_f1 == 1


def opennre(facts: Sequence[NamedFact], scores: Sequence[float], gold: set[NamedFact]) -> tuple[float, list[float]]:
    """Computes area and precision after each candidate, as the loop of OpenNRE's ``BagREDataset.eval`` does."""
    order = sorted(range(len(facts)), key=lambda i: scores[i], reverse=True)
    precision, recall, correct = [], [], 0
    for rank, number in enumerate(order, start=1):
        correct += facts[number] in gold
        precision.append(correct / rank)
        recall.append(correct / len(gold))
    return float(auc(recall, precision)), precision


@given(data=st.data(), count=st.integers(2, 12))
def test_bags_of_different_scores_rank_as_in_opennre(data: st.DataObject, count: int) -> None:
    facts = [("h", str(number), "r") for number in range(count)]
    scores = data.draw(st.permutations([number / count for number in range(count)]))
    gold = set(data.draw(st.lists(st.sampled_from(facts), min_size=1, max_size=count))) | {("h", "missed", "r")}
    area, precision = opennre(facts, scores, gold)
    result = bag_scores(facts, scores, gold, at=range(1, count + 1))
    assert result.auc == pytest.approx(area)
    assert list(result.precision_at.values()) == pytest.approx(precision)


def test_equal_scores_at_the_border_count_by_their_share() -> None:
    facts: list[NamedFact] = [("h", str(number), "r") for number in range(4)]
    scores = bag_scores(facts, [0.9, 0.5, 0.5, 0.5], {facts[0], facts[1]}, at=(2,))
    assert scores.precision_at == {2: pytest.approx((1 + 1 / 3) / 2)}


@pytest.mark.parametrize("facts", [[], [("h", "t", "NA")]])
def test_nothing_ranked_scores_zero(facts: list[NamedFact]) -> None:
    scores = bag_scores(facts, [0.5] * len(facts), {("h", "t", "r")})
    assert (scores.auc, scores.max_f1, scores.precision_at_mean, scores.predicted) == (0, 0, 0, 0)


def test_every_candidate_needs_a_score() -> None:
    with pytest.raises(FormatError, match="expected 1 scores, one for each candidate, got 2"):
        bag_scores([("h", "t", "r")], [0, 0], set())
