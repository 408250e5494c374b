"""Figures of scores and noise: arrays in, a ``matplotlib.figure.Figure`` out, inlined as SVG or saved as PDF.

Shape letters: N instances, S scorers, O orders (epochs in which labels were first learned). Shares are fractions
from 0 to 1, plotted as percent. Only the colours in ``COLOURS`` are used, so that ``finecl.report.svg`` can replace
them by CSS variables; intensity is opacity. Figures of training are in ``finecl.report.training_figures``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import roc_curve

from finecl.metrics.counts import dense_ranks
from finecl.report.numbers import share
from finecl.types import Bools, Floats, Ints

COLOURS = {"ink": "#1b1f24", "muted": "#5a6370", "grid": "#d9dee4", "first": "#1f66b3", "second": "#b8530f"}
"""Colours of the light theme, by the names of the page's CSS variables."""

WIDTH = 5.2  # inches: legible on a phone
_POINTS = 400  # maximum of a curve; more points would only enlarge the page
_DOTS = 2_500  # maximum of a scatter plot
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1, 2)))
_MARKERS = "osD^v"
_LINE_COLOURS = ("second", "muted", "ink")


def label_accuracy(orders: Sequence[str], accuracy_O: Floats, instances_O: Ints, overall: float | None) -> Figure:
    """Plots the share of right labels among those first learned in each epoch, with their number above each bar.

    ``orders`` are the names of the bars; ``overall`` is the share over all labels, plotted as a line.

    *Shape:* ``accuracy_O`` (fractions), ``instances_O`` (counts) [O].
    """
    figure, axes = blank(3.0)
    bars = axes.bar(list(orders), accuracy_O, color=COLOURS["first"], width=0.72)
    counts = [_compact(int(count)) for count in instances_O]
    axes.bar_label(bars, counts, fontsize=8, padding=2, color=COLOURS["muted"])
    if overall is not None:
        axes.axhline(overall, color=COLOURS["second"], linestyle="--", label=f"all labels: {share(overall)}")
        figure.legend(loc="outside upper right", frameon=False, labelcolor=COLOURS["ink"])
    axes.set(xlabel="epoch in which the label was first learned", ylabel="right labels", ylim=(0, 1.1))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", labelsize=8)
    percent_ticks(axes)
    return figure


def weight_histogram(weight: Floats) -> Figure:
    """Plots a histogram of weights.

    *Shape:* ``weight`` [N], finite.
    """
    figure, axes = blank(2.6)
    axes.hist(weight, bins=40, color=COLOURS["first"])
    axes.set(xlabel="weight", ylabel="labels")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(visible=False, axis="x")
    return figure


def noise_roc(noise_by_scorer: Mapping[str, Floats], wrong: Bools) -> Figure:
    """Plots the receiver operating characteristic of each scorer: wrong labels flagged against right labels flagged.

    The first scorer has a thick line; each other one its own colour, dashes and marker, of up to 60.

    *Shape:* noise (+inf allowed), ``wrong`` [N]; at least one label must be right and one wrong.
    """
    figure, axes = blank(3.6 + (0.6 if len(noise_by_scorer) > 1 else 0.0))
    axes.plot((0, 1), (0, 1), color=COLOURS["muted"], linestyle="--", linewidth=1)
    axes.text(0.7, 0.63, "chance", color=COLOURS["muted"], fontsize=9)
    for number, (name, noise) in reversed(list(enumerate(noise_by_scorer.items()))):
        false_rate, true_rate, _ = roc_curve(wrong, dense_ranks(noise))
        count = _POINTS if number == 0 else _POINTS // 4
        points = np.unique(np.linspace(0, len(true_rate) - 1, count).round().astype(int))
        axes.plot(false_rate[points], true_rate[points], label=name, **line_style(number))
    if len(noise_by_scorer) > 1:
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7.5, labelcolor=COLOURS["ink"],
                      reverse=True, handlelength=3.6)  # fmt: skip
    axes.set(xlabel="right labels flagged", ylabel="wrong labels flagged", xlim=(0, 1), ylim=(0, 1.02))
    percent_ticks(axes)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def line_style(number: int) -> dict[str, Any]:
    """Returns matplotlib's properties of the line of a number: 0 is thick, others differ without their colour, too."""
    if number == 0:
        return {"color": COLOURS["first"], "linewidth": 2.2}
    return {
        "color": COLOURS[_LINE_COLOURS[number % len(_LINE_COLOURS)]],
        "linewidth": 0.9,
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 3.5,
        "markevery": (0.02 * (number % 5), 0.15),
    }


def data_map(confidence: Floats, variability: Floats, wrong: Bools | None) -> Figure:
    """Plots mean confidence in each label against its variability over epochs (Swayamdipta et al. 2020, Figure 1).

    Of many labels a random sample of a few thousand is plotted. ``wrong``, if known, sets their colours.

    *Shape:* all [N].
    """
    shown = np.sort(np.random.default_rng(0).permutation(len(confidence))[:_DOTS])
    figure, axes = blank(3.6)
    groups = (
        {"": np.ones(len(shown), dtype=np.bool_)} if wrong is None else {"right": ~wrong[shown], "wrong": wrong[shown]}
    )
    for (name, members), colour, marker in zip(groups.items(), ("first", "second"), "o^", strict=False):
        rows = shown[members]
        axes.scatter(variability[rows], confidence[rows], s=7, color=COLOURS[colour], alpha=0.45, marker=marker,
                     linewidths=0, label=name)  # fmt: skip
    if wrong is not None:
        axes.legend(loc="upper right", frameon=False, labelcolor=COLOURS["ink"], title="label", markerscale=2.5)
        axes.get_legend().get_title().set_color(COLOURS["muted"])  # type: ignore[union-attr]
    axes.set(xlabel="variability of the confidence", ylabel="mean confidence in the label", ylim=(-0.02, 1.02))
    return figure


def agreement(correlation_SS: Floats, scorers: Sequence[str]) -> Figure:
    """Plots the rank correlation of every two scorers as a heat map; negative values have the second colour.

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
    axes.set_yticks(range(count), [shorten(name) for name in scorers], fontsize=8)
    axes.set_xticks(range(count), [shorten(name, 18) for name in scorers], fontsize=7, rotation=40, ha="right")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def blank(height: float) -> tuple[Figure, Axes]:
    """Returns a figure of the report's width and this height in inches; without pyplot, so that nothing stays open."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Applies the report's style to axes."""
    axes.patch.set_visible(False)
    axes.grid(visible=True, color=COLOURS["grid"], linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(color=COLOURS["muted"], labelcolor=COLOURS["ink"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(COLOURS["muted"])
    axes.xaxis.label.set_color(COLOURS["ink"])
    axes.yaxis.label.set_color(COLOURS["ink"])


def integer_ticks(axes: Axes) -> None:
    """Puts the ticks of the x-axis at integers."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def percent_ticks(axes: Axes) -> None:
    """Labels the ticks of the y-axis in percent."""
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _compact(count: int) -> str:
    """Formats a count in about four characters: 950, 12k, 1.5M."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.{0 if count >= 10 * size else 1}f}{letter}"
    return str(count)


def shorten(name: str, limit: int = 30) -> str:
    """Truncates a long name with an ellipsis."""
    return name if len(name) <= limit else f"{name[: limit - 1]}…"
