"""Selects the figures of a run and writes their captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure
from scipy.stats import rankdata

from finecl.artifacts.files import replacing
from finecl.artifacts.scores_table import Scores
from finecl.report import figures, training_figures
from finecl.report.numbers import ENCODERS, number, share
from finecl.report.svg import inline_svg
from finecl.types import Floats


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure with its name, heading and caption, and a description for screen readers."""

    name: str
    title: str
    caption: str
    description: str
    figure: Figure

    @property
    def svg(self) -> Markup:
        """Returns the figure as SVG for the page."""
        return inline_svg(self.figure, self.name, f"{self.title}. {self.description}")

    def save(self, directory: Path, ending: str) -> Path:
        """Writes the figure as a file; ``ending`` is svg, pdf or png. Equal figures give equal files."""
        path = directory / f"{self.name}.{ending}"
        settings: Any = {"svg.fonttype": "none", "svg.hashsalt": self.name, "pdf.fonttype": 42}
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
        with rc_context(settings), replacing(path) as temporary:
            self.figure.savefig(temporary, format=ending, dpi=200, metadata=undated)
        return path


_Captioned = tuple[Figure, str, str, str]
"""Figure, heading, caption, and the description for screen readers."""


def drawings(
    metrics: Mapping[str, Any], scores: Scores | None, others: Mapping[str, Floats], names: Mapping[str, str]
) -> list[Drawing]:
    """Returns the figures for which the run has data, in the order of the page.

    ``others`` is the noise of other scorers on the same evidence; ``names`` are readable names of relations.
    """
    score, pretrain = metrics.get("score") or {}, metrics.get("pretrain") or {}
    makers: dict[str, Callable[[], Iterator[_Captioned]]] = {
        "learned-share": lambda: _learned_share(score),
        "label-accuracy": lambda: _label_accuracy(score),
        "noise-roc": lambda: _noise_roc(scores, _by_scorer(scores, others, score)),
        "data-map": lambda: _data_map(scores),
        "agreement": lambda: _agreement(_by_scorer(scores, others, score)),
        "weights": lambda: _weights(scores, score),
        "pretraining-loss": lambda: _pretraining_loss(pretrain),
        "dev-curves": lambda: _dev_curves(metrics.get("finetune") or {}),
        "learned-by-relation": lambda: _learned_by_relation(scores, score, names),
    }
    return [
        Drawing(name=name, title=title, caption=caption, description=description, figure=figure)
        for name, make in makers.items()
        for figure, title, caption, description in make()
    ]


def _by_scorer(scores: Scores | None, others: Mapping[str, Floats], score: Mapping[str, Any]) -> dict[str, Floats]:
    """Returns the noise of each scorer, the run's scorer first."""
    if scores is None or not scores.ranked:
        return {}
    return {str(score.get("scorer") or "noise"): scores.noise, **others}


def _learned_share(score: Mapping[str, Any]) -> Iterator[_Captioned]:
    modes = {"batch-based": "learned_share_batch", "epoch-based": "learned_share_epoch"}
    if not any(score.get(key) for key in modes.values()):
        modes = {"learned": "learned_share"}
    shares = {name: np.array(score[key], dtype=np.float32) for name, key in modes.items() if score.get(key)}
    if shares:
        caption = (
            "Share of the silver labels that the proxy model has predicted correctly at least once by the end of each "
            "epoch. Batch-based: each label is evaluated just before the model is updated with it; epoch-based: all "
            "labels are evaluated at the end of the epoch (FineCL, Figure 2)."
        )
        ends = "; ".join(
            f"{name}: {share(float(s[0]))} after epoch 1, {share(float(s[-1]))} at the end"
            for name, s in shares.items()
        )
        yield training_figures.learned_share(shares), "Labels learned by epoch", caption, ends


def _label_accuracy(score: Mapping[str, Any]) -> Iterator[_Captioned]:
    rows = [row for row in score.get("label_accuracy_by_order") or [] if row.get("accuracy") is not None]
    if rows:
        orders = ["never" if row["order"] is None else str(row["order"]) for row in rows]
        accuracy = np.array([row["accuracy"] for row in rows], dtype=np.float32)
        instances = np.array([row["instances"] for row in rows], dtype=np.int64)
        caption = (
            "Share of right labels (stated by the text) among those first learned in each epoch. If learning order "
            "separates noise from signal, the bars fall from left to right. Above each bar: the number of labels."
        )
        description = ", ".join(
            f"{order}: {share(float(right))}" for order, right in zip(orders, accuracy, strict=True)
        )
        figure = figures.label_accuracy(orders, accuracy, instances, score.get("silver_accuracy"))
        yield figure, "Right labels by learning order", caption, description


def _noise_roc(scores: Scores | None, noises: Mapping[str, Floats]) -> Iterator[_Captioned]:
    if scores is None or not noises:
        return
    known, wrong = scores.known()
    if wrong.any() and not wrong.all():
        caption = (
            "Labels with a noise above a threshold are flagged. Each point is a threshold: the share of wrong labels "
            f"flagged against the share of right labels flagged. Over {len(wrong):,} labels with known truth, "
            f"{wrong.sum():,} of them wrong. The area under the curve is the noise AUROC."
        )
        if len(noises) > 1:
            caption += " Thick line: this run's scorer; the others read the evidence of the same proxy."
        description = f"Receiver operating characteristic of {', '.join(noises)}."
        figure = figures.noise_roc({name: noise[known] for name, noise in noises.items()}, wrong)
        yield figure, "Detection of wrong labels", caption, description


def _data_map(scores: Scores | None) -> Iterator[_Captioned]:
    if scores is None or scores.confidence is None or scores.variability is None:
        return
    known, wrong = scores.known()
    rows = known if wrong.any() else np.ones_like(known)
    caption = (
        "Each dot is a label: the mean of the proxy's confidence in it over the epochs, and its variability "
        "(data map, Swayamdipta et al. 2020). Labels at the top are easy to learn, those at the right are ambiguous, "
        "those at the bottom left are hard to learn and often wrong."
    )
    figure = figures.data_map(scores.confidence[rows], scores.variability[rows], wrong if wrong.any() else None)
    yield figure, "Data map", caption, f"{rows.sum():,} labels."


def _agreement(noises: Mapping[str, Floats]) -> Iterator[_Captioned]:
    varying = {name: noise for name, noise in noises.items() if (noise != noise[0]).any()}
    if len(varying) > 1:
        ranks = np.stack([rankdata(noise) for noise in varying.values()])
        correlation: Floats = np.corrcoef(ranks).astype(np.float32)
        caption = "Spearman rank correlation between the noise of each two scorers: 1 is the same order, 0 no relation."
        lowest = f"The lowest correlation is {correlation.min():.2f}."
        yield figures.agreement(correlation, list(varying)), "Agreement of scorers", caption, lowest


def _weights(scores: Scores | None, score: Mapping[str, Any]) -> Iterator[_Captioned]:
    if scores and len(scores.weight):
        effective = score.get("effective_sample_size")
        dropped = int((scores.weight == 0).sum())
        caption = f"Distribution of the pre-training weights of {len(scores.weight):,} labels."
        if dropped:
            caption += f" {dropped:,} have weight 0 and are left out."
        if effective is not None:
            caption += f" They are worth {round(effective):,} labels of equal weight (Kish's effective sample size)."
        description = f"From {number(float(scores.weight.min()))} to {number(float(scores.weight.max()))}."
        yield figures.weight_histogram(scores.weight), "Weights", caption, description


def _pretraining_loss(pretrain: Mapping[str, Any]) -> Iterator[_Captioned]:
    series = {name: np.array(values, dtype=np.float32) for name, values in (pretrain.get("loss") or {}).items()}
    series = {name: values for name, values in series.items() if np.isfinite(values).any()}
    if series:
        size = " and ".join(f"{pretrain[k]:,} {k}" for k in ("steps", "tokens") if pretrain.get(k))
        extent = f"pre-training of {size}" if size else "pre-training"
        caption = f"Mean loss of each objective over {extent}. In long runs each point is the mean of several steps."
        yield training_figures.pretraining_loss(series), "Pre-training losses", caption, ", ".join(series)


def _dev_curves(finetune: Mapping[str, Any]) -> Iterator[_Captioned]:
    curves = {
        ENCODERS.get(name, name): {int(epoch): float(f1) for epoch, f1 in record["dev_f1_by_epoch"].items()}
        for name, record in finetune.items()
        if isinstance(record, Mapping) and len(record.get("dev_f1_by_epoch") or {}) > 1
    }
    if curves:
        caption = "F1 on the dev documents at the best threshold, by epoch of fine-tuning; the best epoch is used."
        best = ", ".join(f"{name} {share(max(points.values()))}" for name, points in curves.items())
        yield training_figures.dev_curves(curves), "Fine-tuning", caption, best


def _learned_by_relation(
    scores: Scores | None, score: Mapping[str, Any], readable: Mapping[str, str]
) -> Iterator[_Captioned]:
    if scores is None:
        return
    mode = (score.get("scorer_settings") or {}).get("mode", "batch")
    learned = scores.learned(mode)
    if learned is None:
        return
    epochs = max(len(score.get("learned_share") or []), int(learned.max()))
    share_RE: Floats = scores.learned_by_relation(learned, epochs)
    order = np.argsort(-share_RE[:, -1], kind="stable")
    names = [readable.get(scores.relations[r], scores.relations[r]) for r in order]
    caption = (
        "Share of each relation's labels learned by the end of each epoch: stronger colours are higher shares; the "
        "final share is at the right. Relations learned late are hard, rare or noisy (FineCL, Figure 4)."
    )
    final = [float(share_RE[order[at], -1]) for at in (0, -1)]
    description = f"From {names[0]}, {share(final[0])}, to {names[-1]}, {share(final[1])}."
    yield (
        training_figures.learned_by_relation(share_RE[order], names),
        "Labels learned by relation",
        caption,
        description,
    )
