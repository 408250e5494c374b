"""Figures of a suite in the style of the report; each function takes numbers and returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from finecl.report.figures import COLOURS, blank

_STYLES = [(marker, line) for line in ("-", "--", ":") for marker in "os^Dv"]


def intervals(spread_by_method: Mapping[str, tuple[float, float | None]]) -> Figure:
    """Draws the mean of each method (a fraction) with whiskers of the given half-width, from top to bottom."""
    figure, axes = blank(0.8 + 0.28 * len(spread_by_method))
    for row, (mean, half) in enumerate(spread_by_method.values()):
        axes.errorbar(
            100 * mean, row, xerr=None if half is None else 100 * half, fmt="o", color=COLOURS["first"], capsize=3
        )
    axes.set_yticks(range(len(spread_by_method)), list(spread_by_method), fontsize=9)
    axes.set(ylim=(len(spread_by_method) - 0.5, -0.5), xlabel="per cent")
    return figure


def curves(
    points_by_name: Mapping[str, Mapping[float, float]], label: str, *, percent: bool = True, log: bool = True
) -> Figure:
    """Draws one line per name, with different markers and dashes; ``log`` uses a logarithmic x axis."""
    figure, axes = blank(3.8)
    scale = 100 if percent else 1
    for number, (name, points) in enumerate(points_by_name.items()):
        marker, line = _STYLES[number % len(_STYLES)]
        colour = COLOURS[("first", "second", "muted", "ink")[number % 4]]
        axes.plot(
            list(points), [scale * v for v in points.values()], color=colour, marker=marker, linestyle=line,
            markersize=4, linewidth=1.2, label=name,
        )  # fmt: skip
    ticks = sorted({x for points in points_by_name.values() for x in points})
    if log:
        axes.set_xscale("log")
        axes.set_xticks(ticks, minor=False)
        axes.minorticks_off()
        axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set(xlabel=label, ylabel="per cent" if percent else "AUROC")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=7.5, labelcolor=COLOURS["ink"])
    return figure
