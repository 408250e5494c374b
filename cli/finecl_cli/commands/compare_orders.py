"""``finecl compare-orders``: compares the learning orders of two proxies."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from finecl_cli.help import examples


@click.command(
    "compare-orders",
    epilog=examples(
        "finecl compare-orders runs/one runs/other",
        "finecl compare-orders runs/one runs/other --mode epoch --json",
    ),
)
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@click.option(
    "--mode",
    type=click.Choice(("batch", "epoch")),
    default="batch",
    show_default=True,
    help="Learning order to compare.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the similarities as JSON.")
def command(one: Path, other: Path, mode: str, as_json: bool) -> None:
    """Compare the learning orders of two runs ONE and OTHER: run directories, or their scores.parquet.

    "learned" is the Jaccard similarity of the sets of labels learned by the end of an epoch; "epochs" compares the
    sets learned in each single epoch, summed up to that epoch. The paper's "cumulative" similarity may mean either
    (Figure 3, value 0.771).
    """
    from finecl.scoring.order_similarity import compare_runs

    similarity = compare_runs(one, other, mode)  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps(asdict(similarity)))
        return
    from rich.table import Table

    from finecl_cli.terminal import console

    table = Table("epoch", "learned", "epochs", title=f"{similarity.instances:,} instances, {mode}-based")
    for epoch, (learned, epochs) in enumerate(zip(similarity.of_learned, similarity.of_epochs, strict=True), start=1):
        table.add_row(str(epoch), f"{learned:.3f}", f"{epochs:.3f}")
    console().print(table)
    if similarity.only_in_one:
        click.echo(f"skipped {similarity.only_in_one:,} instances that only one of the runs has scored", err=True)
