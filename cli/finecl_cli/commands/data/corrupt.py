"""``finecl data corrupt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finecl_cli.commands.data.common import FILE, data_context, print_numbers, reading_options, writing_options
from finecl_cli.help import examples

if TYPE_CHECKING:
    from finecl.data.corrupt import Kind


@click.command(
    "corrupt",
    epilog=examples(
        "finecl data corrupt gold.jsonl noisy.jsonl --rate 0.3",
        "finecl data corrupt gold.jsonl noisy.jsonl --rate 0.3 --kind type-consistent",
    ),
)
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@reading_options
@writing_options
@click.option("--rate", type=float, required=True, help="Share of the labels to corrupt, between 0 and 1.")
@click.option(
    "--kind",
    type=click.Choice(["uniform", "type-consistent", "frequency", "entity-swap"]),
    default="uniform",
    show_default=True,
    help="Noise model: how the wrong relation, or the wrong entity, is chosen.",
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Random seed.")
@click.option("--no-relation", default="no_relation", show_default=True, help="Name of the no-relation label.")
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
    """Replace a share of the labels of FILE by wrong ones and write the documents to OUTPUT.

    The true relation is stored in the label's field `truth`. Training never reads it; only the evaluation of noise
    scorers does.
    """
    from finecl.data.convert import convert
    from finecl.data.corrupt import Noise

    with data_context(format_, quiet) as context:
        source = context.source(file)
        noise = Noise.plan(source, rate=rate, kind=kind, seed=seed, no_relation=no_relation)
        convert(noise.apply(source), context.writer(output, to), output)
    changed = len(noise.changed)
    share = changed / noise.labels if noise.labels else 0.0
    print_numbers(
        {"output": str(output), "labels": noise.labels, "changed": changed, "rate": share},
        as_json=as_json,
        then=[f"finecl score {output}"],
    )
