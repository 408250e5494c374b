"""Figures of a report: arrays in, a ``matplotlib.figure.Figure`` out, to be inlined as SVG or saved as PDF.

Shape letters: N instances, E epochs, R relations, S steps, O orders (epochs in which labels were first learned).
Shares are fractions, 0 .. 1, and drawn as percent. Colours are ``COLOURS`` and nothing else, so that
``finecl.report.svg`` can replace them by the page's own; depth of colour is opacity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import roc_curve

from finecl.metrics import dense_ranks
from finecl.types import Bools, Floats, Ints

COLOURS = {"ink": "#1b1f24", "muted": "#5a6370", "grid": "#d9dee4", "first": "#1f66b3", "second": "#b8530f"}
"""The light theme, by the names of the page's CSS variables."""

_WIDTH = 5.2  # inches: small enough to be legible on a telephone
_POINTS = 400  # of a long curve; more would only make the page heavier
_DOTS = 2_500
_DASHES = ("-", (0, (5, 2)), (0, (2, 2)), (0, (6, 2, 1, 2)))


def learned_share(share_by_mode: Mapping[str, Floats]) -> Figure:
    """Share of labels learned by the end of each epoch (FineCL, Figure 2), a line for each mode of recording.

    *Shape:* arrays [E], under their names in the legend; two at most.
    """
    figure, axes = blank(2.9)
    for (name, share_E), colour, marker in zip(share_by_mode.items(), ("first", "second"), "os", strict=False):
        epochs = np.arange(1, len(share_E) + 1)
        axes.plot(epochs, share_E, color=COLOURS[colour], marker=marker, markersize=5, label=name)
    axes.set(xlabel="epoch", ylabel="labels learned so far", ylim=(0, 1.03))
    _whole_numbers(axes)
    _percent(axes)
    axes.legend(loc="lower right", frameon=False, labelcolor=COLOURS["ink"])
    return figure


def learned_by_relation(share_RE: Floats, relations: Sequence[str]) -> Figure:
    """Share of each relation's labels learned by the end of each epoch (FineCL, Figure 4), as a heat map.

    Rows stand in the order given, the first on top; at the right is the share of the last epoch.

    *Shape:* ``share_RE`` [R, E].
    """
    count, epochs = share_RE.shape
    figure, axes = blank(0.9 + 0.2 * count)
    cells = [Rectangle((epoch + 0.52, row - 0.48), 0.96, 0.96) for row in range(count) for epoch in range(epochs)]
    depths = [to_rgba(COLOURS["first"], float(share)) for share in np.nan_to_num(share_RE).ravel()]
    axes.add_collection(PatchCollection(cells, facecolors=depths, edgecolors=COLOURS["grid"], linewidths=0.5))
    for row, share in enumerate(share_RE[:, -1]):
        axes.text(epochs + 0.6, row, f"{share:.0%}", va="center", fontsize=8, color=COLOURS["ink"])
    axes.set(xlim=(0.5, epochs + 0.5), ylim=(count - 0.5, -0.5), xlabel="epoch")
    axes.set_yticks(range(count), [_short(name) for name in relations], fontsize=8, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _whole_numbers(axes)
    return figure


def label_accuracy(orders: Sequence[str], accuracy_O: Floats, instances_O: Ints, overall: float | None) -> Figure:
    """Share of right labels among those first learned in each epoch; the number of labels stands above each bar.

    ``orders`` are the names of the bars; ``overall`` is the share over all labels, drawn as a line.

    *Shape:* ``accuracy_O`` (fractions), ``instances_O`` (counts) [O].
    """
    figure, axes = blank(3.0)
    bars = axes.bar(list(orders), accuracy_O, color=COLOURS["first"], width=0.72)
    counts = [_compact(int(count)) for count in instances_O]
    axes.bar_label(bars, counts, fontsize=8, padding=2, color=COLOURS["muted"])
    if overall is not None:
        axes.axhline(overall, color=COLOURS["second"], linestyle="--", label=f"all labels: {overall:.1%}")
        figure.legend(loc="outside upper right", frameon=False, labelcolor=COLOURS["ink"])
    axes.set(xlabel="epoch in which the label was first learned", ylabel="right labels", ylim=(0, 1.1))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", labelsize=8)
    _percent(axes)
    return figure


def weight_histogram(weight: Floats) -> Figure:
    """How many labels have which weight.

    *Shape:* ``weight`` [N], finite.
    """
    figure, axes = blank(2.6)
    axes.hist(weight, bins=40, color=COLOURS["first"])
    axes.set(xlabel="weight", ylabel="labels")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(visible=False, axis="x")
    return figure


def noise_roc(noise_by_scorer: Mapping[str, Floats], wrong: Bools) -> Figure:
    """Receiver operating characteristic of each noise: wrong labels found against right ones suspected.

    The first scorer is drawn strongly, the others thinly.

    *Shape:* noise (+inf allowed), ``wrong`` [N]; of each kind of label at least one.
    """
    figure, axes = blank(3.6 + (0.6 if len(noise_by_scorer) > 1 else 0.0))
    axes.plot((0, 1), (0, 1), color=COLOURS["muted"], linestyle="--", linewidth=1)
    axes.text(0.7, 0.63, "chance", color=COLOURS["muted"], fontsize=9)
    for number, (name, noise) in reversed(list(enumerate(noise_by_scorer.items()))):
        suspected, found, _ = roc_curve(wrong, dense_ranks(noise))
        kept = np.unique(np.linspace(0, len(found) - 1, _POINTS if number == 0 else _POINTS // 4).round().astype(int))
        style = {"color": COLOURS["muted"], "linewidth": 0.9, "linestyle": _DASHES[number % len(_DASHES)]}
        if number == 0:
            style = {"color": COLOURS["first"], "linewidth": 2.0}
        axes.plot(suspected[kept], found[kept], label=name, **style)  # type: ignore[arg-type]
    if len(noise_by_scorer) > 1:
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7.5, labelcolor=COLOURS["ink"],
                      reverse=True)  # fmt: skip
    axes.set(xlabel="right labels suspected", ylabel="wrong labels found", xlim=(0, 1), ylim=(0, 1.02))
    _percent(axes)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def data_map(confidence: Floats, variability: Floats, wrong: Bools | None) -> Figure:
    """Mean confidence in each label against its spread over epochs (Swayamdipta et al. 2020, Figure 1).

    Of many labels a random few thousand are drawn. ``wrong`` colours them, where the truth is known.

    *Shape:* all [N].
    """
    shown = np.sort(np.random.default_rng(0).permutation(len(confidence))[:_DOTS])
    figure, axes = blank(3.6)
    groups = (
        {"": np.ones(len(shown), dtype=np.bool_)} if wrong is None else {"right": ~wrong[shown], "wrong": wrong[shown]}
    )
    for (name, some), colour, marker in zip(groups.items(), ("first", "second"), "o^", strict=False):
        rows = shown[some]
        axes.scatter(variability[rows], confidence[rows], s=7, color=COLOURS[colour], alpha=0.45, marker=marker,
                     linewidths=0, label=name)  # fmt: skip
    if wrong is not None:
        axes.legend(loc="upper right", frameon=False, labelcolor=COLOURS["ink"], title="label", markerscale=2.5)
        axes.get_legend().get_title().set_color(COLOURS["muted"])  # type: ignore[union-attr]
    axes.set(xlabel="variability of the confidence", ylabel="mean confidence in the label", ylim=(-0.02, 1.02))
    return figure


def agreement(correlation_SS: Floats, scorers: Sequence[str]) -> Figure:
    """Rank correlation of every two scorers, as a heat map; below zero in the other colour.

    *Shape:* ``correlation_SS`` [S, S].
    """
    count = len(scorers)
    figure, axes = blank(1.2 + 0.3 * count)
    cells = [Rectangle((column - 0.48, row - 0.48), 0.96, 0.96) for row in range(count) for column in range(count)]
    values = correlation_SS.ravel()
    depths = [to_rgba(COLOURS["first" if value >= 0 else "second"], 0.75 * abs(float(value))) for value in values]
    axes.add_collection(PatchCollection(cells, facecolors=depths, edgecolors=COLOURS["grid"], linewidths=0.5))
    for at, value in enumerate(values):
        row, column = divmod(at, count)
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=COLOURS["ink"])
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    axes.set_yticks(range(count), [_short(name) for name in scorers], fontsize=8)
    axes.set_xticks(range(count), [_short(name, 18) for name in scorers], fontsize=7, rotation=40, ha="right")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def dev_curves(f1_by_variant: Mapping[str, Mapping[int, float]]) -> Figure:
    """F1 on dev by epoch of fine-tuning (fractions), a line a variant."""
    figure, axes = blank(2.9)
    for (name, points), colour, marker in zip(f1_by_variant.items(), ("first", "second"), "os", strict=False):
        axes.plot(list(points), list(points.values()), color=COLOURS[colour], marker=marker, markersize=5, label=name)
    axes.set(xlabel="epoch", ylabel="F1 on dev", ylim=(0, None))
    _whole_numbers(axes)
    _percent(axes)
    axes.legend(loc="lower right", frameon=False, labelcolor=COLOURS["ink"])
    return figure


def pretraining_loss(loss_by_objective: Mapping[str, Floats]) -> Figure:
    """Loss of each objective over steps, a panel each: means of windows, 120 to a curve at most.

    *Shape:* arrays [S], in nats; NaN where an objective had no term in a step.
    """
    figure = Figure(figsize=(_WIDTH, 0.5 + 1.6 * len(loss_by_objective)), layout="constrained")
    panels = figure.subplots(len(loss_by_objective), sharex=True, squeeze=False)[:, 0]
    for axes, (name, loss_S) in zip(panels, loss_by_objective.items(), strict=True):
        _dress(axes)
        axes.plot(*_window_means(loss_S, 120), color=COLOURS["first"], linewidth=1.6)
        axes.set_title(name, fontsize=10, loc="left", color=COLOURS["ink"], parse_math=False)
        axes.set_ylabel("loss (nats)")
    panels[-1].set_xlabel("step")
    _whole_numbers(panels[-1])
    return figure


def blank(height: float) -> tuple[Figure, Axes]:
    """A figure of the report's width and this height in inches. No pyplot: nothing global, nothing to close."""
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    _dress(axes)
    return figure, axes


def _dress(axes: Axes) -> None:
    axes.patch.set_visible(False)
    axes.grid(visible=True, color=COLOURS["grid"], linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(color=COLOURS["muted"], labelcolor=COLOURS["ink"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(COLOURS["muted"])
    axes.xaxis.label.set_color(COLOURS["ink"])
    axes.yaxis.label.set_color(COLOURS["ink"])


def _whole_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _percent(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _window_means(loss_S: Floats, windows: int) -> tuple[Floats, Floats]:
    """The steps in the middle of windows, counted from 1, and the mean loss in each; empty windows are left out."""
    size = -(-len(loss_S) // windows)
    known = np.flatnonzero(np.isfinite(loss_S))
    window = known // size
    count = np.maximum(np.bincount(window), 1)
    there = np.unique(window)
    step = np.bincount(window, weights=known + 1) / count
    loss = np.bincount(window, weights=loss_S[known]) / count
    return step[there].astype(np.float32), loss[there].astype(np.float32)


def _compact(count: int) -> str:
    """A count in at most four characters or so: 950, 12k, 1.5M."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.{0 if count >= 10 * size else 1}f}{letter}"
    return str(count)


def _short(name: str, limit: int = 30) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1]}…"
