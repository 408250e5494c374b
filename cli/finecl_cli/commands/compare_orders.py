"""``finecl compare-orders``: do two proxies learn the same instances at the same time?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command("compare-orders")
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@click.option("--mode", type=click.Choice(("batch", "epoch")), default="batch", show_default=True, help="Which orders.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(one: Path, other: Path, mode: str, as_json: bool) -> None:
    """Compare the learning orders of two runs ONE and OTHER (directories, or their scores.parquet).

    "learned": Jaccard similarity of what both have learned by the end of an epoch. "epochs": of what they learned in
    the same epoch, summed over epochs. The paper's "cumulative" may mean either (its Figure 3, value 0.771).
    """
    from finecl.scoring.order_similarity import compare_runs

    found = compare_runs(one, other, mode)  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("epoch", "learned", "epochs", title=f"{found.instances:,} instances, {mode}-based")
    for epoch, (learned, epochs) in enumerate(zip(found.of_learned, found.of_epochs, strict=True), start=1):
        table.add_row(str(epoch), f"{learned:.3f}", f"{epochs:.3f}")
    Console().print(table)
    if found.only_in_one:
        click.echo(f"{found.only_in_one:,} instances were scored by one run only and are left out", err=True)
