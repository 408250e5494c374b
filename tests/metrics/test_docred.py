"""Tests of evidence, reach and groups of relations, and of special cases of DocRED's script, against plain loops."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from finecl_formats.docred import DocRED
from hypothesis import given
from hypothesis import strategies as st

from finecl.metrics import (
    Fact,
    Scores,
    docred_facts_in_train,
    docred_scores,
    evidence_scores,
    frequency_groups,
    group_scores,
    macro_scores,
    reach_scores,
    scores_by_group,
    write_docred_results,
)
from finecl.types import Document, Entity, Label, Mention
from tests.helpers.toy import GOLD, PREDICTED, TRAIN, document


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def text(title: str, where: list[list[int]], labels: list[tuple[int, str, int, tuple[int, ...]]]) -> Document:
    """Returns a document whose entities are mentioned in these sentences, with labels and their evidence."""
    return Document(
        title=title,
        sentences=(("word",),) * 4,
        entities=tuple(
            Entity(mentions=tuple(Mention(sentence=s, start=0, end=1, name=f"e{number}") for s in sentences))
            for number, sentences in enumerate(where)
        ),
        labels=tuple(Label(head=h, tail=t, relation=r, evidence=e) for h, r, t, e in labels),
    )


# ---------------------------------------------------------------- the traps of facts in training


def test_the_leaderboards_ign_is_of_annotated_facts_and_the_other_of_distant_ones() -> None:
    distant = [document("X", [["Alicia", "A."], ["Rome"]], [(0, "P20", 1)])]
    annotated = docred_scores(PREDICTED, GOLD, docred_facts_in_train(TRAIN))
    other = docred_scores(PREDICTED, GOLD, docred_facts_in_train(distant))
    assert annotated.ign_f1 == pytest.approx(0.6)
    # the other excludes D1's P20, so again one of three correct ones: 2 of 4, and not both together
    assert (other.correct_in_train, other.ign_precision) == (1, 2 / 4)
    both = docred_facts_in_train([*TRAIN, *distant])
    assert docred_scores(PREDICTED, GOLD, both).correct_in_train == 2


def test_another_training_file_gives_other_facts_at_once() -> None:
    """The official script caches the training facts next to the gold file; finecl does not."""
    result = [docred_scores(PREDICTED, GOLD, docred_facts_in_train(train)).ign_f1 for train in (TRAIN, [], TRAIN)]
    assert result == pytest.approx([0.6, 2 / 3, 0.6])


def test_low_resource_training_does_not_shrink_what_is_ignored_unless_told_to() -> None:
    more = [*TRAIN, document("U", [["Bob"], ["Paris"]], [(0, "P27", 1)])]
    full = docred_scores(PREDICTED, GOLD, docred_facts_in_train(more))
    part = docred_scores(PREDICTED, GOLD, docred_facts_in_train(more[:1]))
    assert (full.correct_in_train, part.correct_in_train) == (1 + 1, 1)
    assert full.f1 == part.f1


def test_unknown_titles_and_entities_stay_among_the_predictions() -> None:
    known = [fact for fact in PREDICTED if fact[0] != "unknown"]
    assert docred_scores(known, GOLD, set()).precision == 3 / 4
    assert docred_scores(PREDICTED, GOLD, set()).precision == 3 / 5
    assert docred_scores([*known, ("D1", 99, 1, "P19")], GOLD, set()).precision == 3 / 5


def test_the_last_evidence_counts_where_gold_has_a_title_twice() -> None:
    """As in the script, which stores gold facts by title, relation, head and tail."""
    twice = [text("D", [[0], [1]], [(0, "r", 1, (0,))]), text("D", [[0], [1]], [(0, "r", 1, (1,))])]
    result = evidence_scores({("D", 0, 1, "r"): (0, 1)}, twice)
    assert (result.correct, result.predicted, result.gold) == (1, 2, 2)


# ---------------------------------------------------------------- evidence


def test_evidence_counts_sentences_of_facts_that_are_right() -> None:
    gold = [text("D", [[0], [1], [2]], [(0, "r", 1, (0, 1)), (1, "r", 2, ()), (0, "s", 2, (3,))])]
    predicted: dict[Fact, tuple[int, ...]] = {
        ("D", 0, 1, "r"): (1, 2, 2),  # one right, one wrong, repeated
        ("D", 1, 2, "r"): (0,),  # right fact, but gold has no evidence
        ("D", 0, 2, "r"): (3,),  # right sentence, wrong fact
        ("E", 0, 1, "r"): (0, 1, 2),  # an unknown title: its evidence is not counted
    }
    result = evidence_scores(predicted, gold)
    assert (result.correct, result.predicted, result.gold) == (1, 4, 3)
    assert result.f1 == pytest.approx(f1(1 / 4, 1 / 3))


@pytest.mark.parametrize("gold", [[], [text("D", [[0], [1]], [(0, "r", 1, ())])]])
def test_no_evidence_anywhere_scores_zero(gold: list[Document]) -> None:
    assert evidence_scores({("D", 0, 1, "r"): ()}, gold) == Scores(
        precision=0, recall=0, f1=0, predicted=0, gold=0, correct=0
    )


def test_evidence_of_no_relation_is_not_asked_for() -> None:
    gold = [text("D", [[0], [1]], [(0, "Other", 1, (0,)), (1, "r", 0, (1,))])]
    named = {("D", 0, 1, "Other"): (0,), ("D", 1, 0, "r"): (1,)}
    result = evidence_scores(named, gold, no_relation="Other")
    assert (result.correct, result.predicted, result.gold) == (1, 1, 1)


# ---------------------------------------------------------------- within and across sentences


def test_a_fact_is_intra_if_any_sentence_mentions_both() -> None:
    # entity 0 in sentences 0 and 2, entity 1 in 1, entity 2 in 2 and 3
    gold = [text("D", [[0, 2], [1], [2, 3]], [(0, "r", 2, ()), (0, "r", 1, ()), (1, "r", 2, ())])]
    predicted: list[Fact] = [("D", 0, 2, "r"), ("D", 2, 0, "r"), ("D", 0, 1, "r"), ("D", 0, 9, "r"), ("E", 0, 1, "r")]
    result = reach_scores(predicted, gold)
    assert (result.intra.correct, result.intra.predicted, result.intra.gold) == (1, 2, 1)
    assert (result.inter.correct, result.inter.predicted, result.inter.gold) == (1, 3, 2)
    assert (result.intra.f1, result.inter.f1) == pytest.approx((f1(1 / 2, 1), f1(1 / 3, 1 / 2)))


places = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=2), min_size=3, max_size=3)
facts = st.lists(
    st.tuples(st.sampled_from("DE"), st.integers(0, 2), st.integers(0, 2), st.sampled_from("rs")), max_size=8
)


@given(where=places, predicted=facts, true=facts)
def test_reach_is_what_a_plain_loop_counts(where: list[list[int]], predicted: list[Fact], true: list[Fact]) -> None:
    gold = [text("D", where, [(h, r, t, ()) for title, h, t, r in true if title == "D"])]
    stated = {("D", label.head, label.tail, label.relation) for label in gold[0].labels}
    result = reach_scores(predicted, gold)
    for is_intra, scores in ((True, result.intra), (False, result.inter)):
        counts = [0, 0, 0]
        for number, group in enumerate((set(predicted) & stated, set(predicted), stated)):
            for title, head, tail, _ in group:
                together = False
                for one in where[head]:
                    for other in where[tail]:
                        together = together or one == other
                counts[number] += (title == "D" and together) == is_intra
        assert [scores.correct, scores.predicted, scores.gold] == counts
    whole = docred_scores(predicted, gold, set())
    assert result.intra.predicted + result.inter.predicted == whole.predicted
    assert result.intra.gold + result.inter.gold == whole.gold


# ---------------------------------------------------------------- groups of relations


def counted(**numbers: int) -> list[Document]:
    """Returns training documents with these numbers of labels per relation."""
    return [document(f"{r}{i}", [["a"], ["b"]], [(0, r, 1)]) for r, n in numbers.items() for i in range(n)]


def test_frequent_relations_are_the_ten_with_most_training_labels() -> None:
    train = counted(**{f"r{n:02}": n for n in range(1, 13)}, no_relation=50)
    gold = [document("D", [["a"], ["b"]], [(0, "unseen", 1), (0, "r12", 1)])]
    groups = frequency_groups(train, gold)
    assert groups["frequent"] == {f"r{n:02}" for n in range(3, 13)}
    assert groups["long_tail"] == {"r01", "r02", "unseen"}
    assert frequency_groups(counted(b=1, a=1, c=2), [], top=2)["frequent"] == {"c", "a"}


def test_group_scores_are_those_of_its_facts_alone() -> None:
    groups = {"P19": ["P19"], "rest": ["P20", "P27", "P99"], "none": ["P1"]}
    result = scores_by_group([*PREDICTED, ("D1", 1, 2, "P99")], GOLD, groups, no_relation="no_relation")
    p19 = result["P19"]
    assert (p19.micro.correct, p19.micro.predicted, p19.micro.gold, p19.relations) == (1, 3, 2, ("P19",))
    assert p19.macro_f1 == p19.micro.f1 == pytest.approx(f1(1 / 3, 1 / 2))
    rest = result["rest"]
    assert rest.macro_f1 == 1  # P99 has no gold, so it counts only in the micro scores
    assert (rest.micro.precision, rest.micro.recall) == (2 / 3, 1)
    assert rest.relations == ("P20", "P27")
    assert (result["none"].micro.f1, result["none"].macro_f1, result["none"].relations) == (0, 0, ())


@given(predicted=facts, true=facts)
def test_frequent_and_long_tail_share_out_all_facts(predicted: list[Fact], true: list[Fact]) -> None:
    gold = [text("D", [[0], [1], [2]], [(h, r, t, ()) for title, h, t, r in true if title == "D"])]
    both = group_scores(predicted, gold, {"r", "s"})
    macro = macro_scores(predicted, gold)
    assert both.macro_f1 == pytest.approx(macro.macro)
    parts = [group_scores(predicted, gold, {name}) for name in "rs"]
    for field in ("correct", "predicted", "gold"):
        assert sum(getattr(part.micro, field) for part in parts) == getattr(both.micro, field)
    for name, part in zip("rs", parts, strict=True):
        if name in macro.by_relation:
            assert part.micro.f1 == pytest.approx(macro.by_relation[name].f1)


# ---------------------------------------------------------------- published data


def test_gold_of_redocred_scores_full_marks(data_dir: Path) -> None:
    gold = list(DocRED().read(data_dir / "redocred" / "dev_revised.json"))
    labels = [(d.title, label) for d in gold for label in d.labels]
    predictions = {(title, label.head, label.tail, label.relation): label.evidence for title, label in labels}
    result = docred_scores(predictions, gold, docred_facts_in_train(gold))
    assert (result.f1, result.predicted, result.correct_in_train) == (1, len(labels), len(labels))
    assert macro_scores(predictions, gold).macro == 1
    assert evidence_scores(predictions, gold).f1 == 1
    reach = reach_scores(predictions, gold)
    assert (reach.intra.f1, reach.inter.f1) == (1, 1)
    assert reach.intra.gold
    assert reach.inter.gold
    assert reach.intra.gold + reach.inter.gold == len(labels)
    bare = [replace(d, labels=tuple(replace(label, evidence=()) for label in d.labels)) for d in gold]
    assert evidence_scores(predictions, bare).f1 == 0


@pytest.fixture(scope="session")
def official_script() -> Path:
    """Returns the path of DocRED's code/evaluation.py, which finecl does not include, from FINECL_DOCRED_SCORER."""
    named = os.environ.get("FINECL_DOCRED_SCORER")
    if not named or not Path(named).is_file():
        pytest.skip("set FINECL_DOCRED_SCORER to DocRED's code/evaluation.py to compare with it")
    return Path(named).resolve()


def run_official(script: Path, at: Path, **documents: list[Document]) -> dict[str, float]:
    """Returns the output of the script for ``at / res / result.json``; it requires fixed file names."""
    for folder in ("data", "code", "ref"):
        (at / folder).mkdir()
    for name, contents in documents.items():
        DocRED().write(contents, at / ("ref" if name == "dev_test" else "data") / f"{name}.json")
    command = [sys.executable, str(script), str(at), str(at / "out")]
    done = subprocess.run(command, cwd=at / "code", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = (at / "out" / "scores.txt").read_text().splitlines()
    return {name: float(value) for name, value in (line.split(": ") for line in lines)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_predictions_score_as_by_the_official_script(
    official_script: Path, data_dir: Path, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    documents = list(DocRED().read(data_dir / "redocred" / "dev_revised.json"))
    gold, train, distant = documents[:100], documents[90:300], documents[50:500]
    predictions: dict[Fact, list[int]] = {}
    for fact in [(d.title, label.head, label.tail, label.relation) for d in documents[:110] for label in d.labels]:
        title, head, tail, relation = fact
        prediction = fact if draw.random() < 0.6 else (title, tail, head, relation)
        predictions[prediction] = sorted(draw.sample(range(4), draw.randint(0, 2)))
    write_docred_results(tmp_path / "res" / "result.json", predictions, predictions)
    rows = json.loads((tmp_path / "res" / "result.json").read_text())
    (tmp_path / "res" / "result.json").write_text(json.dumps(rows + rows[::3]))  # a third of them twice
    printed = run_official(official_script, tmp_path, dev_test=gold, train_annotated=train, train_distant=distant)
    annotated = docred_scores(predictions, gold, docred_facts_in_train(train))
    assert 0 < annotated.correct_in_train < annotated.correct
    assert printed == pytest.approx(
        {
            "RE_F1": annotated.f1,
            "Evi_F1": evidence_scores(predictions, gold).f1,
            "RE_ignore_annotated_F1": annotated.ign_f1,
            "RE_ignore_distant_F1": docred_scores(predictions, gold, docred_facts_in_train(distant)).ign_f1,
        },
        abs=1e-6,
    )
