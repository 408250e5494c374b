"""Figures of training: labels learned over epochs, pre-training losses and scores on dev.

As in ``finecl.report.figures``: arrays in, a ``matplotlib.figure.Figure`` out. Shape letters: E epochs, R relations,
S steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from finecl.report.figures import COLOURS, WIDTH, blank, integer_ticks, percent_ticks, shorten, style_axes
from finecl.report.numbers import share as shown
from finecl.types import Floats


def learned_share(share_by_mode: Mapping[str, Floats]) -> Figure:
    """Plots the share of labels learned by the end of each epoch (FineCL, Figure 2), one line per mode of recording.

    *Shape:* arrays [E] by their names in the legend; at most two.
    """
    figure, axes = blank(2.9)
    for (name, share_E), colour, marker in zip(share_by_mode.items(), ("first", "second"), "os", strict=False):
        epochs = np.arange(1, len(share_E) + 1)
        axes.plot(epochs, share_E, color=COLOURS[colour], marker=marker, markersize=5, label=name)
    axes.set(xlabel="epoch", ylabel="labels learned so far", ylim=(0, 1.03))
    integer_ticks(axes)
    percent_ticks(axes)
    axes.legend(loc="lower right", frameon=False, labelcolor=COLOURS["ink"])
    return figure


def learned_by_relation(share_RE: Floats, relations: Sequence[str]) -> Figure:
    """Plots the share of each relation's labels learned by the end of each epoch (FineCL, Figure 4) as a heat map.

    Rows are in the order of ``relations``, the first on top; the share of the last epoch is printed at the right.

    *Shape:* ``share_RE`` [R, E].
    """
    count, epochs = share_RE.shape
    figure, axes = blank(0.9 + 0.2 * count)
    cells = [Rectangle((epoch + 0.52, row - 0.48), 0.96, 0.96) for row in range(count) for epoch in range(epochs)]
    depths = [to_rgba(COLOURS["first"], float(share)) for share in np.nan_to_num(share_RE).ravel()]
    axes.add_collection(PatchCollection(cells, facecolors=depths, edgecolors=COLOURS["grid"], linewidths=0.5))
    for row, share in enumerate(share_RE[:, -1]):
        axes.text(epochs + 0.6, row, shown(float(share)), va="center", fontsize=8, color=COLOURS["ink"])
    axes.set(xlim=(0.5, epochs + 0.5), ylim=(count - 0.5, -0.5), xlabel="epoch")
    axes.set_yticks(range(count), [shorten(name) for name in relations], fontsize=8, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    integer_ticks(axes)
    return figure


def pretraining_loss(loss_by_objective: Mapping[str, Floats]) -> Figure:
    """Plots the loss of each objective over steps, one panel per objective: means over at most 120 windows.

    *Shape:* arrays [S], in nats; NaN where an objective had no term in a step.
    """
    figure = Figure(figsize=(WIDTH, 0.5 + 1.6 * len(loss_by_objective)), layout="constrained")
    panels = figure.subplots(len(loss_by_objective), sharex=True, squeeze=False)[:, 0]
    for axes, (name, loss_S) in zip(panels, loss_by_objective.items(), strict=True):
        style_axes(axes)
        axes.plot(*_window_means(loss_S, 120), color=COLOURS["first"], linewidth=1.6)
        axes.set_title(name, fontsize=10, loc="left", color=COLOURS["ink"], parse_math=False)
        axes.set_ylabel("loss (nats)")
    panels[-1].set_xlabel("step")
    integer_ticks(panels[-1])
    return figure


def dev_curves(f1_by_variant: Mapping[str, Mapping[int, float]]) -> Figure:
    """Plots F1 on dev (fractions) by epoch of fine-tuning, one line per variant."""
    figure, axes = blank(2.9)
    for (name, points), colour, marker in zip(f1_by_variant.items(), ("first", "second"), "os", strict=False):
        axes.plot(list(points), list(points.values()), color=COLOURS[colour], marker=marker, markersize=5, label=name)
    axes.set(xlabel="epoch", ylabel="F1 on dev", ylim=(0, None))
    integer_ticks(axes)
    percent_ticks(axes)
    axes.legend(loc="lower right", frameon=False, labelcolor=COLOURS["ink"])
    return figure


def _window_means(loss_S: Floats, windows: int) -> tuple[Floats, Floats]:
    """Returns the mean step (from 1) and the mean loss of each window; windows without a loss are left out."""
    size = -(-len(loss_S) // windows)
    known = np.flatnonzero(np.isfinite(loss_S))
    window = known // size
    count = np.maximum(np.bincount(window), 1)
    filled = np.unique(window)
    step = np.bincount(window, weights=known + 1) / count
    loss = np.bincount(window, weights=loss_S[known]) / count
    return step[filled].astype(np.float32), loss[filled].astype(np.float32)
