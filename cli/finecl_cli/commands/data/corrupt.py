"""``finecl data corrupt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finecl_cli.commands.data.common import FILE, desk, reading_options, tell, writing_options

if TYPE_CHECKING:
    from finecl.data.corrupt import Kind


@click.command("corrupt")
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@reading_options
@writing_options
@click.option("--rate", type=float, required=True, help="Share of the labels that become wrong.")
@click.option(
    "--kind",
    type=click.Choice(["uniform", "type-consistent", "frequency", "entity-swap"]),
    default="uniform",
    show_default=True,
    help="What they become.",
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Seed of the draw.")
@click.option(
    "--no-relation", default="no_relation", show_default=True, help="What a label without relation is called."
)
def command(
    file: Path,
    output: Path,
    format_: str,
    to: str,
    rate: float,
    kind: Kind,
    seed: int,
    no_relation: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a share of the labels of FILE wrong, and write the documents to OUTPUT.

    What a label was stands in its field `truth`, which training never reads: only the measurement of scorers does.
    """
    from finecl.data.convert import convert
    from finecl.data.corrupt import Noise

    with desk(format_, quiet) as at:
        source = at.source(file)
        noise = Noise.plan(source, rate=rate, kind=kind, seed=seed, no_relation=no_relation)
        convert(noise.apply(source), at.writer(output, to), output)
    changed = len(noise.changed)
    share = changed / noise.labels if noise.labels else 0.0
    tell({"output": str(output), "labels": noise.labels, "changed": changed, "rate": share}, as_json=as_json)
