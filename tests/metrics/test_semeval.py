"""Tests of SemEval's scores against published output of the official scorer, the scorer itself, and a plain loop."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.errors import FormatError
from finecl.metrics import (
    SEMEVAL_LABELS,
    ClassAverages,
    SemEvalScores,
    read_semeval_gold,
    read_semeval_labels,
    semeval_scores,
    write_semeval_labels,
)

EVALUATIONS = ("directed", "undirected", "official")  # in the order of the official output
SAMPLES = (1, 2, 3, 5)  # the scorer refuses sample 4


@pytest.fixture(scope="session")
def examples(data_dir: Path) -> Path:
    """Returns the folder of the official scorer's examples."""
    folder = data_dir / "semeval2010_task8" / "scorer_examples"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: the examples of the official scorer are not there")
    return folder


@pytest.fixture(scope="session")
def official_scorer() -> Path:
    """Returns the path of the official Perl script, which finecl does not include, from FINECL_SEMEVAL_SCORER."""
    named = os.environ.get("FINECL_SEMEVAL_SCORER")
    if not named or not Path(named).is_file():
        pytest.skip("set FINECL_SEMEVAL_SCORER to semeval2010_task8_scorer-v1.2.pl to compare with it")
    if not shutil.which("perl"):
        pytest.skip("there is no perl to run the official scorer")
    return Path(named)


def sections(printed: str) -> list[str]:
    """Returns the scorer's output for each of its three evaluations."""
    parts = re.split(r"<<< \([^\n]*WAY EVALUATION[^\n]*>>>:\n", printed)[1:]
    assert len(parts) == len(EVALUATIONS)
    return parts


def percentages(printed: str, beginning: str) -> list[float]:
    """Returns the percentages P, R and F1 of the first line with this beginning."""
    (line, *_) = re.findall(rf"^{beginning}.*$", printed, re.M)
    return [float(number) for number in re.findall(r"([\d.]+)%", line)]


def as_printed(*fractions: float) -> list[Any]:
    return [pytest.approx(100 * fraction, abs=0.00501) for fraction in fractions]


def agrees(result: SemEvalScores, printed: str) -> None:
    """Asserts that all printed P, R, F1 and accuracy values agree to two digits."""
    for name, section in zip(EVALUATIONS, sections(printed), strict=True):
        averages: ClassAverages = getattr(result, name)
        micro, macro = re.split(r"MACRO-averaged result", section.partition("Micro-averaged result")[2])
        assert percentages(micro, "P =") == as_printed(
            averages.micro.precision, averages.micro.recall, averages.micro.f1
        )
        assert percentages(macro, "P =") == as_printed(
            averages.macro_precision, averages.macro_recall, averages.macro_f1
        )
        lines = re.findall(r"^ *([A-Z_][\w-]+(?:\(e\d,e\d\))?) :(.*)$", section, re.M)
        assert {relation.lstrip("_") for relation, _ in lines} == set(averages.by_relation)
        for relation, line in lines:
            scores = averages.by_relation[relation.lstrip("_")]
            printed_ones = [float(number) for number in re.findall(r"([\d.]+)%", line)]
            assert printed_ones == as_printed(scores.precision, scores.recall, scores.f1), relation
    (score,) = re.findall(r"official score .* = ([\d.]+)%", printed)
    assert [float(score)] == as_printed(result.official.macro_f1)
    wrong = percentages(sections(printed)[0], "Accuracy .considering all skipped examples as Wrong")
    assert wrong == as_printed(result.accuracy)


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_official_samples_score_as_the_official_scorer_says(examples: Path, sample: int) -> None:
    key = examples / f"answer_key{sample}.txt"
    gold = read_semeval_gold(key)
    answers = read_semeval_labels(examples / f"proposed_answer{sample}.txt", among=gold)
    agrees(semeval_scores(answers, gold), (examples / f"result_scores{sample}.txt").read_text())


def test_the_sample_that_the_official_scorer_refuses_is_refused(examples: Path) -> None:
    with pytest.raises(FormatError, match=r"proposed_answer4.txt: line \d+: expected"):
        read_semeval_labels(examples / "proposed_answer4.txt")


def run_official(scorer: Path, answers: Path, key: Path) -> str:
    done = subprocess.run(["perl", scorer, answers, key], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", range(6))
def test_random_answers_score_as_by_the_official_script(official_scorer: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    labels = draw.sample(SEMEVAL_LABELS, draw.randint(4, len(SEMEVAL_LABELS)))  # so that some are not in the key
    gold = {str(number): draw.choice(labels) for number in range(1, 200)}
    gold["0"] = next(label for label in SEMEVAL_LABELS if label != "Other")  # the script divides by its relations
    answered = {s: label if draw.random() < 0.5 else draw.choice(SEMEVAL_LABELS) for s, label in gold.items()}
    answers = {s: label for s, label in answered.items() if draw.random() < 0.9}
    write_semeval_labels(tmp_path / "key", gold)
    write_semeval_labels(tmp_path / "answers", answers)
    agrees(semeval_scores(answers, gold), run_official(official_scorer, tmp_path / "answers", tmp_path / "key"))


def test_the_full_test_file_is_a_key_with_directions(data_dir: Path, tmp_path: Path) -> None:
    at = data_dir / "semeval2010_task8"
    gold = read_semeval_gold(at / "TEST_FILE_FULL.TXT")
    undirected = dict(line.split("\t") for line in (at / "TEST_FILE_KEY.TXT").read_text().split("\n") if line)
    assert {sentence: label.partition("(")[0] for sentence, label in gold.items()} == undirected
    assert list(gold.values()).count("Entity-Destination(e2,e1)") == 1
    perfect = semeval_scores(gold, gold)
    assert (perfect.official.macro_f1, perfect.items, len(perfect.official.by_relation)) == (1, 2717, 10)
    write_semeval_labels(tmp_path / "key", gold)
    assert read_semeval_gold(tmp_path / "key") == gold


def test_the_key_without_directions_is_refused_with_what_to_take_instead(data_dir: Path) -> None:
    with pytest.raises(FormatError, match=r"line 1: expected a label with its direction.*take TEST_FILE_FULL.TXT"):
        read_semeval_gold(data_dir / "semeval2010_task8" / "TEST_FILE_KEY.TXT")


# ---------------------------------------------------------------- what counts


CE, EC, CW = "Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Component-Whole(e1,e2)"


def test_a_wrong_direction_is_wrong_for_precision_and_recall_of_its_relation() -> None:
    result = semeval_scores({"1": EC, "2": CE}, {"1": CE, "2": CE})
    scores = result.official.by_relation["Cause-Effect"]
    assert (scores.correct, scores.predicted, scores.gold, result.official.macro_f1) == (1, 2, 2, 0.5)
    assert result.undirected.macro_f1 == 1
    assert result.directed.by_relation.keys() == {CE}  # the other direction is not in this key


def test_skipped_ids_are_missed_and_other_is_left_out() -> None:
    gold = {"1": CE, "2": CE, "3": "Other", "4": CW}
    result = semeval_scores({"1": CE, "3": "Other"}, gold)
    assert result.official.by_relation["Cause-Effect"].recall == 1 / 2
    assert result.official.macro_f1 == pytest.approx((2 / 3 + 0) / 2)
    assert (result.answered, result.items, result.accuracy) == (2, 4, 2 / 4)
    assert semeval_scores({"3": CE}, gold).official.micro.predicted == 1  # a relation where gold has Other


def test_relations_of_the_key_are_the_denominator_and_others_only_displace() -> None:
    result = semeval_scores({"1": CW, "2": CE}, {"1": CE, "2": CE})
    assert result.official.by_relation.keys() == {"Cause-Effect"}
    assert result.official.micro.precision == 1  # the script warns of CW and leaves it out
    assert result.official.macro_f1 == pytest.approx(2 / 3)


def test_macro_f1_is_a_mean_of_f1s() -> None:
    result = semeval_scores({"1": CE, "2": "Other", "3": CE, "4": CW}, {"1": CE, "2": CE, "3": CW, "4": CW}).official
    assert result.macro_f1 == pytest.approx((0.5 + 2 / 3) / 2)
    means = 2 * result.macro_precision * result.macro_recall / (result.macro_precision + result.macro_recall)
    assert result.macro_f1 != pytest.approx(means)


@pytest.mark.parametrize("gold", [{}, {"1": "Other"}, {"1": CE}])
def test_nothing_answered_scores_zero(gold: dict[str, str]) -> None:
    result = semeval_scores({}, gold)
    assert (result.official.macro_f1, result.official.micro.f1, result.accuracy) == (0, 0, 0)


keys = st.dictionaries(st.sampled_from("123456789"), st.sampled_from((*SEMEVAL_LABELS[:5], "Other")), max_size=9)


@given(gold=keys, data=st.data())
def test_scores_equal_a_plain_double_loop(gold: dict[str, str], data: st.DataObject) -> None:
    labels = st.sampled_from((*SEMEVAL_LABELS[:7], "Other"))
    answers = data.draw(st.dictionaries(st.sampled_from(sorted(gold)), labels) if gold else st.just({}))
    f1s = []
    for relation in ("Cause-Effect", "Component-Whole", "Content-Container"):
        if not any(label.startswith(relation) for label in gold.values()):
            continue
        correct = predicted = true = 0
        for sentence, label in gold.items():
            answer = answers.get(sentence, "")
            predicted += answer.startswith(relation)
            true += label.startswith(relation)
            correct += answer == label and label.startswith(relation)
        precision, recall = correct / predicted if predicted else 0.0, correct / true
        f1s.append(2 * precision * recall / (precision + recall) if correct else 0.0)
    assert semeval_scores(answers, gold).official.macro_f1 == pytest.approx(sum(f1s) / len(f1s) if f1s else 0)


def test_a_prediction_for_an_id_that_the_key_lacks_is_refused() -> None:
    with pytest.raises(FormatError, match="id '9': expected one of the 1 ids of the key"):
        semeval_scores({"9": CE}, {"1": CE})


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (f"1\t{CE}\n2 {CE}\n", "line 2: expected an id, a TAB and a label, got no TAB"),
        (f"one\t{CE}\n", "line 1: expected an id, a TAB and a label, got no number"),
        (f"1\t{CE}\n\n", "line 2: expected an id, a TAB and a label, got no TAB in ''"),
        (f"1\t{CE}\n1\tOther\n", "line 2: expected every id once, got '1' again; remove one of its lines"),
        (f"1\t{CE}\n3\tOther\n", "line 2: expected an id of the key, got '3'; remove the line"),
        ("1\tCause-Effect(e1, e2)\n", "line 1: expected one of SemEval's 19 labels, got 'Cause-Effect(e1, e2)'"),
        ("1\tCause-Effect\n", "line 1: expected a label with its direction, such as Cause-Effect(e1,e2)"),
        ("1\tother\n", "line 1: expected one of SemEval's 19 labels, got 'other'"),
        ("", "expected predictions, got an empty file"),
    ],
)
def test_a_broken_file_of_answers_is_refused_with_its_line(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(FormatError, match=re.escape(complaint)) as error:
        read_semeval_labels(tmp_path / "a.txt", among={"1", "2"})
    assert str(error.value).startswith(str(tmp_path / "a.txt"))


@pytest.mark.parametrize("content", [f"1\t{CE}\n2\tOther\n", f"1\t{CE}\r\n2\tOther\r\n", f"1\t{CE}\n2\tOther"])
def test_line_ends_may_be_of_either_kind_and_the_last_may_be_missing(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.txt").write_bytes(content.encode())
    assert read_semeval_labels(tmp_path / "a.txt") == {"1": CE, "2": "Other"}


def test_what_is_written_ends_every_line_and_is_refused_before_it_is_wrong(tmp_path: Path) -> None:
    at = tmp_path / "a.txt"
    write_semeval_labels(at, {"1": CE, "2": "Other"})
    assert at.read_bytes() == f"1\t{CE}\n2\tOther\n".encode()
    for wrong in ({"1": "Cause-Effect"}, {"one": CE}, {"1": "no_relation"}):
        with pytest.raises(FormatError, match=re.escape(str(at))):
            write_semeval_labels(at, wrong)
    assert at.read_bytes() == f"1\t{CE}\n2\tOther\n".encode()
    assert list(tmp_path.iterdir()) == [at]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('1\t"<e1>a</e1> <e2>b</e2>"\n\n', "line 2: expected the label of sentence 1, got none"),
        ('1\t"<e1>a</e1> <e2>b</e2>"\n2\t"<e1>c</e1> <e2>d</e2>"\nOther\n', "line 2: expected the label of sentence 1"),
        ('1\t"<e1>a</e1> <e2>b</e2>"\n', "expected the label of sentence 1, got the end"),
        ('1\t"<e1>a</e1> <e2>b</e2>"\nMessage-Topic\n', "line 2: expected a label with its direction"),
    ],
)
def test_sentences_without_a_label_are_no_gold(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(FormatError, match=re.escape(complaint)):
        read_semeval_gold(tmp_path / "a.txt")
