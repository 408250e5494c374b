"""What the page says first: how many labels are wrong, which to look at, and which to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finecl.artifacts.scores_table import Scores
from finecl.report.numbers import FEW_DOCUMENTS, number, percent, points, score, share
from finecl.review.sampling import drawn

LIKELY = 0.5
"""The probability from which a label is more likely wrong than right."""
_FEW_LABELS = 100  # below which a mixture model is little more than a guess


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A headline number with its label and a line of explanation.

    ``show`` is a choice of the label table's filter that lists what the number counts, ``command`` what to do with
    them; empty if there is none.
    """

    label: str
    value: str
    about: str
    show: str = ""
    command: str = ""


def tiles(metrics: Mapping[str, Any], scores: Scores | None) -> list[Tile]:
    """Returns the numbers at the top of the page: wrong labels, labels to look at, labels to judge, known truth."""
    record = metrics.get("score") or {}
    if scores is None or not scores.ranked:
        return []
    return [_wrong(record, len(scores.noise)), _to_look_at(scores), _to_judge(record, scores), *_known(record)]


def _wrong(record: Mapping[str, Any], labels: int) -> Tile:
    label, bounds = "Wrong labels, estimated", record.get("wrong_share_interval")
    if record.get("wrong_share") is None or not bounds:
        return Tile(
            label=label, value="unknown", about="This run has no estimate. Judge the random sample to make one."
        )
    mixture = record.get("wrong_share_source") == "mixture"
    about = (
        f"95 % interval {share(bounds[0])} to {share(bounds[1])}, by {'a mixture model' if mixture else 'verdicts'}."
    )
    if mixture:
        few = labels < _FEW_LABELS
        about += (
            f" Fewer than {_FEW_LABELS} labels: do not rely on it." if few else " A model: judge labels to check it."
        )
    return Tile(label=label, value=share(record["wrong_share"]), about=about)


def _to_look_at(scores: Scores) -> Tile:
    count = 0 if scores.p_wrong is None else int((scores.p_wrong >= LIKELY).sum())
    if count:
        about = f"of {number(len(scores.noise))} are more likely wrong than right. To drop them:"
        command = f"finecl clean --drop {LIKELY}"
        return Tile(label="Labels to look at", value=number(count), about=about, show="likely", command=command)
    count = int((drawn(scores.uid, scores.noise, scores.relation, scores.judged) == 2).sum())
    about = f"the noisiest of {number(len(scores.noise))}; none is known to be more likely wrong than right."
    return Tile(label="Labels to look at", value=number(count), about=about, show="noisiest" if count else "")


def _to_judge(record: Mapping[str, Any], scores: Scores) -> Tile:
    review = record.get("review") or {}
    size = number(int((drawn(scores.uid, scores.noise, scores.relation, scores.judged) == 1).sum()))
    if review.get("accuracy") is not None:
        bounds = f"{share(review['low'])} to {share(review['high'])}"
        about = f"95 % interval {bounds}; {number(review['random'])} of a random sample of {size} are judged."
        return Tile(label="Labels right, by review", value=share(review["accuracy"]), about=about, show="random")
    about = "a random sample. Verdicts on it measure the share of right labels; none is judged yet."
    return Tile(label="Labels to judge", value=size, about=about, show="random")


def _known(record: Mapping[str, Any]) -> list[Tile]:
    """Returns what is known of labels whose truth is known."""
    if record.get("silver_accuracy") is None:
        return []
    auroc = record.get("noise_auroc")
    about = "by their truth, which this data has."
    if auroc is not None:
        about += f" Noise AUROC {score(auroc)}: how often a wrong label is ranked above a right one; 0.5 is chance."
    return [Tile(label="Wrong labels, known", value=share(1 - record["silver_accuracy"]), about=about)]


def gains(metrics: Mapping[str, Any]) -> list[str]:
    """Returns sentences on what pre-training gained in F1, with intervals."""
    evaluate, sentences = metrics.get("evaluate") or {}, []
    best = (evaluate.get("pretrained") or {}).get("f1")
    for name, other in (("equal-weights", "pre-training with equal weights"), ("plain", "the plain encoder")):
        scores = evaluate.get(name) or {}
        if best is None or scores.get("f1") is None:
            continue
        gain = round(points(best) - points(scores["f1"]), 1) / 100
        text = f"{percent(gain, signed=True)} points of F1 over {other}"
        bounds = scores.get("f1_gain")
        if bounds:
            low, high = (percent(bound, signed=True) for bound in bounds)
            clear = points(bounds[0]) > 0 or points(bounds[1]) < 0
            text += f", 95 % interval {low} to {high}{'' if clear else ': not clear of 0'}"
        sentences.append(f"{text}.")
    return sentences


def few_test_documents(record: Mapping[str, Any]) -> str:
    """Returns a warning if there are few test documents, else an empty text."""
    count = ((record.get("data") or {}).get("test") or {}).get("documents")
    if count is None or count >= FEW_DOCUMENTS:
        return ""
    text = f"Only {number(count)} test documents: differences within the intervals may be chance."
    return f"{text} Use {FEW_DOCUMENTS} or more."
