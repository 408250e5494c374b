"""Dynamics scorers equal plain loops over epochs; weightings follow their formulas; tables are read or refused."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finecl_dynamics.bases import DynamicsScorer, Weights
from finecl_dynamics.confident_learning import ConfidentLearning
from finecl_dynamics.ensemble import Ensemble
from finecl_dynamics.neighbours import Neighbours
from finecl_dynamics.posterior import Posterior
from finecl_dynamics.ranks import fair_shares, rank_shares
from finecl_dynamics.scorers import AreaUnderMargin, Confidence, Forgetting, SmallLoss, Variability
from finecl_dynamics.table import File
from finecl_dynamics.weights import Confident, Hard, Linear, Rank, StepDecay
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from finecl import registry
from finecl.errors import FormatError, SettingsError, TrainingError
from finecl.testing import samples
from finecl.types import Dynamics, Evidence, Floats, Instances, Ints

REGISTRY = registry.load()


def instances_of(relation: Ints, uid: Sequence[int] | None = None) -> Instances:
    count = np.arange(len(relation), dtype=np.int64)
    return Instances(
        uid=np.array(count if uid is None else uid, dtype=np.uint64),
        document=count,
        head=count,
        tail=count + 1,
        relation=relation,
        pair=count,
        relations=tuple(f"P{i}" for i in range(int(relation.max(initial=0)) + 1)),
    )


# ------------------------------------------------- the scorers, one instance and one epoch at a time


@st.composite
def trainings(draw: st.DrawFn) -> tuple[Dynamics, Ints]:
    """Random dynamics in which some instances were not shown in some epochs, or in none; and their relations."""
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 12))
    shown = draw(hnp.arrays(np.bool_, shape, elements=st.sampled_from([True, True, False])))
    margin = draw(hnp.arrays(np.float32, shape, elements=st.floats(-20, 20, width=32)))
    loss = np.log1p(np.exp(-margin.astype(np.float64))).astype(np.float32)
    correct = draw(hnp.arrays(np.bool_, shape)) & shown
    relation = draw(hnp.arrays(np.int64, shape[1], elements=st.integers(0, 3)))
    dynamics = Dynamics(
        correct=correct,
        top=correct,
        confidence=np.where(shown, np.exp(-loss), np.float32(0)),
        margin=np.where(shown, margin, np.float32(-np.inf)),
        loss=np.where(shown, loss, np.float32(np.inf)),
    )
    return dynamics, relation


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: list[float]) -> float:
    return math.sqrt(mean([(value - mean(values)) ** 2 for value in values]))


def forgotten(correct: list[bool]) -> float:
    """Transitions from right to wrong; +inf without a right one."""
    if True not in correct:
        return math.inf
    return sum(was and not now for was, now in pairwise(correct))


SLOWLY: dict[type[DynamicsScorer], tuple[str, Callable[[list[Any]], float]]] = {
    SmallLoss: ("loss", mean),
    AreaUnderMargin: ("margin", lambda margins: -mean(margins)),
    Confidence: ("confidence", lambda confidences: 1 - mean(confidences)),
    Variability: ("confidence", deviation),
    Forgetting: ("correct", forgotten),
}
SCORERS = pytest.mark.parametrize("scorer", SLOWLY, ids=lambda scorer: scorer.__name__)


def slowly(scorer: type[DynamicsScorer], dynamics: Dynamics, epochs: int | None) -> list[float]:
    name, formula = SLOWLY[scorer]
    column, loss = getattr(dynamics, name).tolist(), dynamics.loss.tolist()
    noise = []
    for instance in range(len(loss[0])):
        epochs_read = range(len(loss) if epochs is None else min(epochs, len(loss)))
        shown = [column[epoch][instance] for epoch in epochs_read if loss[epoch][instance] < math.inf]
        noise.append(formula(shown) if shown else math.inf)
    return noise


@SCORERS
@given(training=trainings(), epochs=st.none() | st.integers(1, 8))
def test_each_scorer_equals_a_plain_loop(
    scorer: type[DynamicsScorer], training: tuple[Dynamics, Ints], epochs: int | None
) -> None:
    dynamics, relation = training
    noise = scorer(epochs=epochs).score(instances_of(relation), Evidence(batch=dynamics))
    assert noise.dtype == np.float32
    assert noise.tolist() == pytest.approx(slowly(scorer, dynamics, epochs), rel=1e-5, abs=1e-5)


@SCORERS
@given(training=trainings(), epochs=st.none() | st.integers(1, 8))
def test_fair_noise_is_the_share_of_the_relation_that_is_cleaner(
    scorer: type[DynamicsScorer], training: tuple[Dynamics, Ints], epochs: int | None
) -> None:
    dynamics, relation = training
    inputs = instances_of(relation), Evidence(batch=dynamics)
    plain = scorer(epochs=epochs).score(*inputs).tolist()
    fair = scorer(epochs=epochs, fair=True).score(*inputs).tolist()
    shown = [min(losses) < math.inf for losses in dynamics.loss[:epochs].T.tolist()]
    for instance, noise in enumerate(plain):
        others = [n for n, r, s in zip(plain, relation, shown, strict=True) if s and r == relation[instance]]
        cleaner, equal = sum(n < noise for n in others), sum(n == noise for n in others)
        expected = (cleaner + equal / 2) / len(others) if shown[instance] else math.inf
        assert fair[instance] == pytest.approx(expected)


@SCORERS
def test_the_mode_chooses_the_evidence_and_must_have_been_recorded(scorer: type[DynamicsScorer]) -> None:
    rng = np.random.default_rng(3)
    instances = instances_of(np.zeros(8, dtype=np.int64))
    batch, epoch = (_random(rng, 5, 8) for _ in range(2))
    evidence = Evidence(batch=batch, epoch=epoch)
    by_mode = [scorer(mode="batch").score(instances, evidence), scorer(mode="epoch").score(instances, evidence)]
    assert by_mode[0].tolist() != by_mode[1].tolist()
    assert by_mode[1].tolist() == scorer().score(instances, Evidence(batch=epoch)).tolist()
    with pytest.raises(TrainingError, match="no epoch-based dynamics: run with"):
        scorer(mode="epoch").score(instances, Evidence(batch=batch))


def _random(rng: np.random.Generator, epochs: int, count: int) -> Dynamics:
    margin = rng.normal(0, 2, (epochs, count)).astype(np.float32)
    loss = np.log1p(np.exp(-margin))
    return Dynamics(correct=margin > 0, top=margin > 0, confidence=np.exp(-loss), margin=margin, loss=loss)


def test_what_is_learned_late_or_never_is_noisier_and_a_wavering_label_varies_and_is_forgotten() -> None:
    """One clean, one wavering and one wrong label, with the dynamics that data maps describe."""
    margin = np.array([[3, 3, -3], [4, -3, -3], [4, 3, -4], [4, -3, -4]], dtype=np.float32)
    loss = np.log1p(np.exp(-margin))
    dynamics = Dynamics(correct=margin > 0, top=margin > 0, confidence=np.exp(-loss), margin=margin, loss=loss)
    inputs = instances_of(np.zeros(3, dtype=np.int64)), Evidence(batch=dynamics)
    for scorer in (SmallLoss, AreaUnderMargin, Confidence):
        clean, wavering, wrong = scorer().score(*inputs).tolist()
        assert clean < wavering < wrong
    assert AreaUnderMargin().score(*inputs).tolist() == [-3.75, 0.0, 3.5]
    assert Forgetting().score(*inputs).tolist() == [0.0, 2.0, math.inf]
    varied = Variability().score(*inputs).tolist()
    assert max(varied[0], varied[2]) < 0.1 < 0.4 < varied[1] < 0.5


def test_an_epoch_in_which_a_label_was_not_shown_is_no_forgetting_and_hides_none() -> None:
    """Correct, not shown, wrong: one forgetting event. Correct, not shown, correct: none."""
    correct = np.array([[True, True], [False, False], [False, True]])
    loss = np.array([[1, 1], [np.inf, np.inf], [1, 1]], dtype=np.float32)
    blank = np.zeros(loss.shape, dtype=np.float32)
    dynamics = Dynamics(correct=correct, top=correct, confidence=blank, margin=blank, loss=loss)
    noise = Forgetting().score(instances_of(np.zeros(2, dtype=np.int64)), Evidence(batch=dynamics))
    assert noise.tolist() == [1.0, 0.0]


def test_fairness_does_not_call_a_rare_relation_noise_for_being_rare() -> None:
    """Each label of the rare relation has a higher loss than all of the common one; one label of each is wrong."""
    loss = np.array([[0.1, 0.2, 0.3, 0.9, 2.0, 2.1, 4.0]], dtype=np.float32)
    rare = np.array([0, 0, 0, 0, 1, 1, 1])
    zeros = np.zeros(loss.shape, dtype=np.float32)
    dynamics = Dynamics(correct=zeros > 0, top=zeros > 0, confidence=zeros, margin=zeros, loss=loss)
    inputs = instances_of(rare), Evidence(batch=dynamics)
    assert np.argsort(-SmallLoss().score(*inputs))[:3].tolist() == [6, 5, 4]
    assert set(np.argsort(-SmallLoss(fair=True).score(*inputs))[:2].tolist()) == {3, 6}


@given(hnp.arrays(np.float32, st.integers(0, 20), elements=st.sampled_from([-1.0, 0.0, 2.5, math.inf])))
def test_rank_shares_lie_between_0_and_1_with_the_mean_one_half(noise: Floats) -> None:
    shares = rank_shares(noise)
    assert shares.shape == noise.shape
    assert ((shares > 0) & (shares < 1)).all()
    assert not len(noise) or shares.mean() == pytest.approx(0.5)
    one_relation = np.zeros(len(noise), dtype=np.int64)
    assert fair_shares(noise, one_relation).tolist() == shares.tolist()


# ------------------------------------------------- the scorer of a file

UIDS = [0x00000000000000AB, 2**64 - 1, 0x1E10000000000000, 7]
SCORES = [0.5, -3.25, math.inf, 12.0]
NAMED_UIDS = "0000000000000007, 00000000000000ab, 1e10000000000000"


def write(path: Path, rows: list[tuple[Any, Any]], columns: tuple[str, str] = ("uid", "score")) -> str:
    """Writes a table in the format of the file's suffix."""
    if path.suffix == ".csv":
        path.write_text("".join(f"{a},{b}\n" for a, b in [columns, *rows]))
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(dict(zip(columns, row, strict=True)))}\n" for row in rows))
    else:
        pq.write_table(pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))), path)
    return str(path)


def rows(scores: Sequence[Any] = SCORES) -> list[tuple[Any, Any]]:
    return [(f"{uid:016x}", score) for uid, score in zip(UIDS, scores, strict=True)]


def file_scores(path: str, uids: Sequence[int] = UIDS, **settings: Any) -> list[float]:
    instances = instances_of(np.zeros(len(uids), dtype=np.int64), uids)
    noise = File(path=path, **settings).score(instances, Evidence())
    assert noise.dtype == np.float32
    scores: list[float] = noise.tolist()
    return scores


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_scores_of_a_file_are_found_by_uid(tmp_path: Path, kind: str) -> None:
    finite = [0.5, -3.25, 1e6, 12.0]
    path = write(tmp_path / f"scores.{kind}", rows(finite))
    assert file_scores(path) == finite
    assert file_scores(path, UIDS[::-1]) == finite[::-1]
    assert file_scores(path, [UIDS[1], UIDS[3], UIDS[1]]) == [-3.25, 12.0, -3.25]  # other rows are ignored
    assert file_scores(path, fair=True) == [0.375, 0.125, 0.875, 0.625]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_infinite_scores_are_taken_in_json_as_text(tmp_path: Path, kind: str) -> None:
    scores = ["inf" if kind == "jsonl" and score == math.inf else score for score in SCORES]
    assert file_scores(write(tmp_path / f"scores.{kind}", rows(scores))) == SCORES


def test_scores_beyond_float32_are_infinite(tmp_path: Path) -> None:
    assert file_scores(write(tmp_path / "scores.csv", rows([1e300, 2, -1e300, 3]))) == [math.inf, 2.0, -math.inf, 3.0]


def test_another_column_may_hold_the_scores_and_uids_may_be_in_capitals(tmp_path: Path) -> None:
    capitals = [(uid.upper(), score) for uid, score in rows()]
    path = write(tmp_path / "scores.parquet", capitals, ("uid", "noise"))
    assert file_scores(path, column="noise") == SCORES
    assert file_scores(path) == SCORES  # finecl's own column, where there is no "score"
    other = write(tmp_path / "other.parquet", capitals, ("uid", "other"))
    with pytest.raises(FormatError, match=r"expected a column 'score' or 'noise', got 'uid, other'; correct the table"):
        file_scores(other)


def test_no_proxy_is_trained_for_scores_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "scores.csv", rows())
    assert File(path=path).required_evidence == ()


def refused(tmp_path: Path, table: list[tuple[Any, Any]], sentence: str, kind: str = "csv") -> None:
    path = write(tmp_path / f"scores.{kind}", table)
    with pytest.raises(FormatError, match=re.escape(f"{path}: ") + sentence) as caught:
        file_scores(path)
    assert "\n" not in str(caught.value)


def test_missing_and_repeated_uids_are_named(tmp_path: Path) -> None:
    sentence = r"expected a score for each of 4 instances, got none for 1e10000000000000; correct"
    refused(tmp_path, [row for row in rows() if row[0] != "1e10000000000000"], sentence)
    refused(tmp_path, [("00000000000000cd", 1)], f"expected a score .*, got none for {NAMED_UIDS} and 1 more; correct")
    refused(tmp_path, [*rows(), rows()[3]], "expected one row per uid, got several for 0000000000000007; correct")
    same = [(uid.upper(), score) for uid, score in rows()]
    refused(tmp_path, [*rows(), *same], f"expected one row per uid, got several for {NAMED_UIDS} and 1 more; correct")


@pytest.mark.parametrize(
    ("row", "kind", "sentence"),
    [
        (("ab", 1), "csv", "expected a uid of 16 hex digits in row 5, got 'ab'"),
        (("0x000000000000ab", 1), "csv", "expected a uid of 16 hex digits in row 5, got '0x000000000000ab'"),
        (("", 1), "csv", "expected a uid of 16 hex digits in row 5, got none"),
        ((None, 1.0), "jsonl", "expected a uid of 16 hex digits in row 5, got none"),
        (("00000000000000cd", "high"), "csv", "expected a number as 'score' in row 5, got 'high'"),
        (("00000000000000cd", ""), "csv", "expected a number as 'score' in row 5, got none"),
        (("00000000000000cd", "nan"), "csv", "expected a number as 'score' in row 5, got 'nan'"),
        (("00000000000000cd", math.nan), "parquet", "expected a number as 'score' in row 5, got 'nan'"),
    ],
)
def test_a_row_that_is_no_uid_and_number_is_named(
    tmp_path: Path, row: tuple[Any, Any], kind: str, sentence: str
) -> None:
    finite = [1.0, 2.0, 3.0, 4.0]
    refused(tmp_path, [*rows(finite), row], sentence, kind)


def test_columns_of_another_type_are_refused(tmp_path: Path) -> None:
    numbers = [(uid, 1.0) for uid in UIDS]
    path = str(tmp_path / "scores.parquet")
    pq.write_table(pa.table({"uid": pa.array(UIDS, pa.uint64()), "score": [s for _, s in numbers]}), path)
    with pytest.raises(FormatError, match="expected uids that are text of 16 hex digits, got UInt64"):
        file_scores(path)
    refused(tmp_path, rows([True, False, True, True]), "expected numbers as 'score', got Boolean", "parquet")


@pytest.mark.parametrize("content", [b"", b"uid,score\n1,2,3\n", b"PAR1 broken", b"\xff\x00", b"[]\n"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, kind: str, content: bytes) -> None:
    path = tmp_path / f"scores.{kind}"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=re.escape(f"{path}: expected ")) as caught:
        file_scores(str(path))
    assert "\n" not in str(caught.value)


# ------------------------------------------------- the weightings

WEIGHTINGS = st.one_of(
    st.builds(Linear, least=st.floats(0, 1)),
    st.builds(Confident),
    st.builds(Hard, share=st.floats(0, 1, exclude_min=True)),
    st.builds(Rank),
    st.builds(StepDecay, decay=st.floats(0.01, 1)),
    st.builds(Posterior, least=st.floats(0, 1)),
)
NOISE = hnp.arrays(
    np.float32,
    st.integers(0, 25),
    elements=st.floats(allow_nan=False, width=32)
    | st.floats(0, 1, width=32)
    | st.sampled_from([0.0, 1.0, 2.0, math.inf, -math.inf]),
)


@given(NOISE, WEIGHTINGS)
def test_weights_lie_between_0_and_1_and_never_rise_with_noise(noise: Floats, weighting: Weights) -> None:
    weights = weighting.weigh(noise)
    assert weights.shape == noise.shape
    assert weights.dtype == np.float32
    assert ((weights >= 0) & (weights <= 1)).all()
    for a, b in np.ndindex(len(noise), len(noise)):
        assert weights[a] >= weights[b] or noise[a] > noise[b]


INF = math.inf


@pytest.mark.parametrize(
    ("weighting", "noise", "weights"),
    [
        (Linear(), [1, 2, 5, INF], [1.0, 0.75, 0.0, 0.0]),
        (Linear(least=0.2), [-1, 0, 1, -INF], [1.0, 0.6, 0.2, 1.0]),
        (Linear(), [3, 3], [1.0, 1.0]),
        (Linear(), [INF, INF], [1.0, 1.0]),
        (Linear(least=0.25), [1, INF], [1.0, 0.25]),
        (Confident(), [0.0, 0.25, 1.0, INF], [1.0, 0.75, 0.0, 0.0]),
        (Confident(), [4.0, 1.0, 9.0, INF], [0.625, 0.875, 0.375, 0.0]),
        (Confident(), [-0.5, 0.5], [0.75, 0.25]),
        (Confident(scale="exp"), [0.0, 0.5, 1.0, INF], [math.e, math.e**0.5, 1.0, 1.0]),
        (Hard(), [4, 1, 3, 2], [0.0, 1.0, 0.0, 1.0]),
        (Hard(share=0.25), [1, 1, 1, 2], [1.0, 1.0, 1.0, 0.0]),
        (Hard(share=0.01), [3, 2], [0.0, 1.0]),
        (Hard(share=0.9), [1, 2, INF, INF], [1.0, 1.0, 0.0, 0.0]),
        (Hard(share=1.0), [1, 2, INF], [1.0, 1.0, 1.0]),
        (Hard(), [INF, INF], [1.0, 1.0]),
        (Rank(), [9, -2, 9, INF], [0.5, 0.875, 0.5, 0.125]),
        (StepDecay(), [0, 1, 2, 15, INF], [1.0, 0.85, 0.7225, 0.85**15, 0.0]),
        (StepDecay(decay=0.5), [-7, 0.9, 1.9, 3], [1.0, 1.0, 0.5, 0.125]),
    ],
)
def test_the_table_of_weights(weighting: Weights, noise: list[float], weights: list[float]) -> None:
    assert weighting.weigh(np.array(noise, dtype=np.float32)).tolist() == pytest.approx(weights)


@given(hnp.arrays(np.float32, 100, elements=st.floats(0, 1, width=32), unique=True), st.integers(1, 100))
def test_hard_keeps_the_cleanest_share_of_distinct_noise(noise: Floats, count: int) -> None:
    weights = Hard(share=count / 100).weigh(noise)
    assert Counter(weights.tolist()) == Counter([1.0] * count + [0.0] * (100 - count))
    assert noise[weights == 1].max() == np.sort(noise)[count - 1]


@given(trainings())
def test_the_weight_of_a_label_by_its_confidence_is_its_mean_probability(training: tuple[Dynamics, Ints]) -> None:
    dynamics, relation = training
    noise = Confidence().score(instances_of(relation), Evidence(batch=dynamics))
    times = np.maximum(1, np.isfinite(dynamics.loss).sum(axis=0))
    assert Confident().weigh(noise).tolist() == pytest.approx(
        (dynamics.confidence.sum(axis=0) / times).tolist(), abs=1e-6
    )


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_posterior_is_the_probability_of_a_mixture_with_known_parameters(share: float) -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(5000) < share
    noise = (rng.normal(0, 1, 5000) + 4 * wrong).astype(np.float32)
    right = Posterior().weigh(noise)
    density = [np.exp(-((noise - mean) ** 2) / 2) for mean in (0, 4)]
    expected = (1 - share) * density[0] / ((1 - share) * density[0] + share * density[1])
    assert np.abs(right - expected).mean() < 0.02
    assert abs(right.mean() - (1 - share)) < 0.02


def test_the_posterior_reads_never_learned_as_one_epoch_more() -> None:
    order = np.repeat([1, 2, 3, INF], [50, 30, 10, 60]).astype(np.float32)
    finite = np.where(np.isinf(order), 4, order).astype(np.float32)
    assert Posterior().weigh(order).tolist() == Posterior().weigh(finite).tolist()
    weights = Posterior().weigh(order)
    assert weights[0] > 0.9
    assert weights[-1] < 0.1
    assert Posterior(least=0.5).weigh(order)[-1] == 0
    assert Posterior().weigh(np.full(3, INF, dtype=np.float32)).tolist() == [1.0, 1.0, 1.0]


# ------------------------------------------------- settings


@pytest.mark.parametrize("name", ["linear", "confidence", "hard", "rank", "step-decay", "posterior"])
def test_pairs_without_a_label_weigh_what_is_set(name: str) -> None:
    assert REGISTRY.create("weighting", name, {}).unscored == 1.0
    assert REGISTRY.create("weighting", name, {"no_relation": "0.5"}).unscored == 0.5


DYNAMICS = ("small-loss", "area-under-margin", "confidence", "variability", "forgetting")
BAD: list[tuple[str, str, dict[str, Any], str]] = [
    *(
        ("scorer", name, {"epochs": 0}, "scorer.epochs: expected at least 1, or none for all, got 0")
        for name in DYNAMICS
    ),
    *(("scorer", name, {"mode": "last"}, "expected one of batch, epoch, got 'last'") for name in DYNAMICS),
    ("scorer", "small-loss", {"fair": "perhaps"}, "expected bool, got 'perhaps'"),
    ("scorer", "file", {}, "scorer.path: expected a table with the columns uid and score, got none"),
    ("scorer", "file", {"path": "a.txt"}, "expected a name that ends in .csv, .jsonl, .parquet, got 'a.txt'"),
    ("scorer", "file", {"path": "nowhere.csv"}, "scorer.path: expected a file, got 'nowhere.csv', which does"),
    ("weighting", "linear", {"least": 1.5}, "weighting.least: expected a finite number >= 0 and <= 1, got 1.5"),
    ("weighting", "hard", {"share": 0}, "weighting.share: expected a finite number > 0 and <= 1, got 0"),
    ("weighting", "hard", {"share": "nan"}, "weighting.share of 'hard': expected a finite number, got nan"),
    ("weighting", "step-decay", {"decay": 1.01}, "weighting.decay: expected a finite number > 0 and <= 1, got 1.01"),
    ("weighting", "rank", {"no_relation": -1}, "weighting.no_relation: expected a finite number >= 0, got -1"),
    ("weighting", "confidence", {"no_relation": "inf"}, "expected a finite number, got inf"),
]


@pytest.mark.parametrize(("kind", "name", "settings", "sentence"), BAD)
def test_bad_settings_are_one_line(kind: str, name: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)) as caught:
        REGISTRY.create(kind, name, settings)
    assert "\n" not in str(caught.value)


# ------------------------------------------------- neighbours, held-out predictions, ensembles


def test_knn_is_the_weighted_share_of_a_double_loop() -> None:
    instances = samples.instances(30)
    vectors = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    first = {int(p): i for i, p in reversed(list(enumerate(instances.pair.tolist())))}
    vectors = vectors[[first[p] for p in instances.pair.tolist()]]  # the labels of a pair share its vector
    labels = {
        p: {r for q, r in zip(instances.pair.tolist(), instances.relation.tolist(), strict=True) if q == p}
        for p in first
    }
    expected = []
    for pair, relation, x in zip(instances.pair.tolist(), instances.relation.tolist(), vectors, strict=True):
        near = []
        for other, i in first.items():
            y = vectors[i]
            cosine = float(x @ y / np.sqrt((x @ x) * (y @ y)))
            if other != pair:
                near.append((cosine, relation in labels[other]))
        near = sorted(near, reverse=True)[:5]
        weights = [max(c, 1e-6) for c, _ in near]
        agreed = sum(w for w, (_, agrees) in zip(weights, near, strict=True) if agrees)
        expected.append(1 - agreed / sum(weights))
    noise = Neighbours(k=5).score(instances, Evidence(representations=vectors))
    assert noise.tolist() == pytest.approx(expected, abs=1e-5)


def test_knn_does_not_know_what_was_not_read() -> None:
    instances = samples.instances(8)
    vectors = np.ones((8, 3), dtype=np.float32)
    vectors[instances.pair == instances.pair[-1]] = np.nan
    noise = Neighbours().score(instances, Evidence(representations=vectors))
    assert np.isinf(noise).tolist() == (instances.pair == instances.pair[-1]).tolist()


def test_confident_learning_is_cleanlab_on_pairs_of_one_label() -> None:
    rank = pytest.importorskip("cleanlab.rank", reason="the extra cleanlab is not installed")
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (40, 5)).astype(np.float32)
    relation = np.arange(40) % 4
    instances = Instances(**{**vars(samples.instances(40)), "relation": relation, "pair": np.arange(40)})
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        quality = rank.get_label_quality_scores(relation, probabilities, method=method)
        noise = ConfidentLearning(method=method).score(instances, Evidence(held_out=logits))
        assert noise.tolist() == pytest.approx((1 - quality).tolist(), abs=1e-5)


def test_confident_learning_lets_the_labels_of_a_pair_not_compete() -> None:
    pytest.importorskip("cleanlab.rank", reason="the extra cleanlab is not installed")
    instances = Instances(
        **{
            **vars(samples.instances(2)),
            "relation": np.array([0, 1]),
            "pair": np.array([0, 0]),
            "document": np.zeros(2),
        }
    )
    logits = np.array([[3.0, 3.0, 0.0]] * 2, dtype=np.float32)
    noise = ConfidentLearning(method="self_confidence").score(instances, Evidence(held_out=logits))
    assert noise.tolist() == pytest.approx([1 / (1 + math.e**3)] * 2, abs=1e-6)


def test_an_ensemble_is_the_mean_rank_of_its_members() -> None:
    instances, evidence = samples.instances(40), samples.evidence(40)
    members = ("small-loss", "forgetting", "knn")
    noises = [
        SmallLoss().score(instances, evidence),
        Forgetting().score(instances, evidence),
        Neighbours(k=20).score(instances, evidence),
    ]
    expected = np.mean([rank_shares(noise) for noise in noises], axis=0)
    assert Ensemble(of=members).score(instances, evidence).tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_joined_members_of_an_ensemble_count_as_one() -> None:
    instances, evidence = samples.instances(40), samples.evidence(40)
    first, second, third = (
        rank_shares(scorer.score(instances, evidence)) for scorer in (SmallLoss(), Forgetting(), Neighbours(k=20))
    )
    joined = Ensemble(of=("small-loss+forgetting", "knn"))
    assert joined.required_evidence == ("dynamics", "representations")
    expected = (first + second) / 4 + third / 2
    assert joined.score(instances, evidence).tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_stack_learns_which_relations_have_more_wrong_labels(tmp_path: Path) -> None:
    instances, evidence = samples.instances(400), samples.evidence(400)
    rng = np.random.default_rng(1)
    wrong = rng.random(400) < np.array([0.1, 0.9, 0.5, 0.5])[instances.relation]
    table = tmp_path / "gold.csv"
    rows = zip(instances.uid[:100].tolist(), wrong[:100].tolist(), strict=True)
    table.write_text("uid,wrong\n" + "".join(f"{uid:016x},{str(w).lower()}\n" for uid, w in rows))
    noise = Ensemble(gold=str(table)).score(instances, evidence)[100:]
    of = [noise[instances.relation[100:] == number].mean() for number in range(4)]
    assert of[0] < min(of[2:]) <= max(of[2:]) < of[1]
    assert 0.1 < of[0] < of[1] < 0.9  # shrunk towards the mean


def test_a_stack_learns_from_the_labels_it_is_given(tmp_path: Path) -> None:
    instances, evidence = samples.instances(200), samples.evidence(200)
    wrong = AreaUnderMargin().score(instances, evidence) > np.random.default_rng(0).normal(0, 0.2, 200)
    rows = [(f"{uid:016x}", bool(w)) for uid, w in zip(instances.uid[:60].tolist(), wrong[:60].tolist(), strict=True)]
    table = tmp_path / "gold.csv"
    table.write_text("uid,wrong\n" + "\n".join(f"{uid},{str(w).lower()}" for uid, w in rows))
    noise = Ensemble(gold=str(table)).score(instances, evidence)
    plain = Ensemble().score(instances, evidence)
    rest = slice(60, None)
    stacked, mean = (roc_auc_score(wrong[rest], n[rest]) for n in (noise, plain))
    assert stacked > mean
    assert stacked > 0.9
    table.write_text("uid,wrong\n" + "\n".join(f"{uid},true" for uid, _ in rows))
    with pytest.raises(FormatError, match="expected both right and wrong labels of the run's instances, got 60 of"):
        Ensemble(gold=str(table)).score(instances, evidence)
    table.write_text("uid,wrong\n" + rows[0][0] + ",maybe\n")
    with pytest.raises(FormatError, match="expected true or false as 'wrong' in row 1, got 'maybe'"):
        Ensemble(gold=str(table)).score(instances, evidence)


def test_members_of_an_ensemble_are_known() -> None:
    with pytest.raises(SettingsError, match=r"scorer\.of: expected names from learning-order, .*, got 'luck'"):
        Ensemble(of=("luck",))
    with pytest.raises(SettingsError, match=r"scorer\.of: expected names from learning-order, .*, got ''"):
        Ensemble(of=("small-loss+",))
