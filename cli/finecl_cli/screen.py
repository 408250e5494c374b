"""Terminal output: progress on stderr, results on stdout."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from finecl.progress import Listener
from finecl_cli.terminal import console

_ALIVE = 30.0  # seconds between two lines of a stage that is running


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Formats the units per second."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} {task.fields['unit']}/s", style="dim")


class _Figures(ProgressColumn):
    """The figures beside a bar; they are cut before any other column is."""

    def render(self, task: Task) -> Text:
        """Returns the figures in one line."""
        return Text(task.fields["figures"], style="dim", no_wrap=True, overflow="ellipsis")


def _columns(width: int) -> list[ProgressColumn]:
    """Returns the columns that fit: a narrow terminal keeps the name, a short bar, the count and the time left."""
    narrow = width < 70
    fixed = Column(no_wrap=True)
    columns: list[ProgressColumn] = [
        TextColumn("{task.description:<14.14}" if narrow else "{task.description:<20}", markup=False),
        BarColumn(bar_width=6 if narrow else 24 if width >= 100 else 10, table_column=fixed.copy()),
        MofNCompleteColumn(table_column=fixed.copy()),
        TimeRemainingColumn(compact=narrow, elapsed_when_finished=True, table_column=fixed.copy()),
    ]
    columns += [] if width < 100 else [_Rate(table_column=fixed.copy())]
    return columns if narrow else [*columns, _Figures()]


class Screen(Listener):
    """Shows progress bars on a terminal; otherwise prints a line when a stage begins and when it ends."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = console(stderr=True, quiet=quiet)
        self._progress = Progress(
            *_columns(self._console.width), console=self._console, disable=quiet or not self._console.is_terminal
        )
        self._task: Any = None
        self._began = self._printed = 0.0
        self._left = 0
        self._counts = False  # whether the stage has no known total

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """Adds a progress bar; without a total it only counts."""
        self._task = self._progress.add_task(stage, total=total, unit=unit, figures="")
        self._began, self._left, self._counts = time.perf_counter(), total or 0, total is None
        self._printed = self._began
        if not self._console.is_terminal:
            self._console.print(f"{stage}: {'' if total is None else f'{total} '}{unit}", highlight=False, markup=False)

    def advance(self, amount: int, figures: str = "") -> None:
        """Advances the bar; ``figures`` are shown beside it."""
        self._progress.update(self._task, advance=amount, figures=figures)
        self._left -= amount
        if self._left <= 0 and not self._counts:
            self._print_done(figures)
        else:
            self._print_alive(figures)

    def end(self) -> None:
        """Completes the bar of a stage without a known total."""
        self._progress.update(self._task, total=-self._left, completed=-self._left)
        self._print_done(f"{-self._left} {self._progress.tasks[self._task].fields['unit']}")

    def _print_alive(self, figures: str) -> None:
        """Prints how far a stage is, at most every 30 seconds, where no progress bar can be shown."""
        now = time.perf_counter()
        if self._console.is_terminal or now - self._printed < _ALIVE:
            return
        self._printed = now
        task = self._progress.tasks[self._task]
        done = task.completed if self._counts else (task.total or 0) - self._left
        left = "" if self._counts or not done else f", {(now - self._began) * self._left / done / 60:.0f} min left"
        of = "" if self._counts else f" of {task.total:.0f}"
        text = f"  {done:.0f}{of} {task.fields['unit']}{left}  {figures}"
        self._console.print(text.rstrip(), highlight=False, markup=False)

    def _print_done(self, figures: str) -> None:
        if not self._console.is_terminal:
            seconds = time.perf_counter() - self._began
            self._console.print(f"  done in {seconds:.1f} s  {figures}", highlight=False, markup=False)

    def note(self, text: str) -> None:
        """Prints a line above the bars."""
        self._console.print(Text.assemble(("- ", "dim"), text), soft_wrap=True)


def show_settings(settings: Mapping[str, Any], precision: str) -> None:
    """Prints the settings that determine the running time, and whether they are a preset's or the paper's."""
    terminal = console(stderr=True)
    preset = settings["preset"]
    proxy, pretrain, finetune = settings["proxy"], settings["pretrain"], settings["finetune"]
    origin = f"preset '{preset}' (smaller than the paper's)" if preset else "the paper's, unless set otherwise"
    terminal.print(
        f"settings: {origin}; proxy {proxy['num_train_epochs']} epochs at {proxy['learning_rate']:g}; "
        f"pre-training {pretrain['max_steps']} steps of {pretrain['batch_size']} documents at "
        f"{pretrain['learning_rate']:g}; fine-tuning {finetune['num_train_epochs']} epochs; {precision}; "
        f"seed {settings['seed']}",
        highlight=False,
        markup=False,
        soft_wrap=True,
        style="dim",
    )


def show_planned(planned: Mapping[str, Any]) -> None:
    """Prints the estimated cost of a run as a table on stdout."""
    terminal = console()
    title = f"{planned['precision']}, {planned['ranks']} process{'es' if planned['ranks'] > 1 else ''}"
    table = Table("stage", title=title, title_justify="left")
    for name in ("steps", "tokens", "minutes"):
        table.add_column(name, justify="right")
    for stage in planned["stages"]:
        table.add_row(stage["stage"], f"{stage['steps']:,}", f"{stage['tokens']:,}", f"{stage['seconds'] / 60:,.1f}")
    table.add_row("total", "", "", f"{planned['seconds'] / 60:,.1f}", style="bold")
    terminal.print(table)
    terminal.print(f"peak memory per process: {planned['memory_gb']:.1f} GB", highlight=False)


def show_metrics(metrics: Mapping[str, Any], report: str | None) -> None:
    """Prints the results of a run as tables on stdout."""
    terminal = console()
    if "score" in metrics:
        _show_score(terminal, metrics["score"])
    if "evaluate" in metrics:
        terminal.print(_result_table(metrics["evaluate"]))
    if report:
        terminal.print(f"report: {report}", soft_wrap=True, highlight=False, markup=False)


def _show_score(terminal: Any, score: Mapping[str, Any]) -> None:
    if score.get("noise_auroc") is not None:
        terminal.print(
            f"noise AUROC of '{score['scorer']}' against the truth: {score['noise_auroc']:.3f} "
            f"({score['silver_accuracy']:.0%} of {score['instances']} silver labels are correct)",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    by_order = score.get("label_accuracy_by_order")
    if by_order:
        table = Table(title="label accuracy by the epoch in which the label was learned", title_justify="left")
        for row in by_order:
            table.add_column("never" if row["order"] is None else str(row["order"]), justify="right")
        table.add_row(*[f"{row['accuracy']:.2f}" for row in by_order])
        table.add_row(*[str(row["instances"]) for row in by_order], style="dim")
        terminal.print(table)


def _result_table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """Builds a table of at most 80 columns; metrics.json and the report hold all other metrics."""
    others = {"ign_f1": "Ign F1", "auc": "AUC", "macro_f1": "macro F1"}
    table = Table(title="test documents, threshold chosen on dev", title_justify="left")
    table.add_column("encoder", no_wrap=True)
    for heading in ("F1", "95 % interval", *others.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, numbers in results.items():
        cells = [f"{100 * numbers[key]:.2f}" for key in ("f1", *others)]
        table.add_row(name, cells[0], _interval(numbers.get("f1_interval")), *cells[1:])
    for name, numbers in results.items():
        if name == "pretrained" or "pretrained" not in results:
            continue
        cells = [f"{100 * (results['pretrained'][key] - numbers[key]):+.2f}" for key in ("f1", *others)]
        table.add_row(f"gain over {name}", cells[0], _interval(numbers.get("f1_gain"), "+"), *cells[1:], style="bold")
    return table


def _interval(bounds: Sequence[float] | None, sign: str = "") -> str:
    return " to ".join(f"{100 * value:{sign}.1f}" for value in bounds) if bounds else ""
