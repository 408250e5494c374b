"""``finecl data leakage``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from finecl_cli.commands.data.common import FILE, data_context, print_numbers, reading_options, writing_options
from finecl_cli.help import examples


@click.command(
    "leakage",
    epilog=examples(
        "finecl data leakage silver.jsonl --against dev.jsonl --against test.jsonl",
        "finecl data leakage silver.jsonl --against test.jsonl --drop clean.jsonl",
    ),
)
@click.argument("file", type=FILE)
@click.option("--against", type=FILE, multiple=True, required=True, help="File of held-out documents; repeatable.")
@reading_options
@writing_options
@click.option("--drop", type=FILE, help="File to write FILE's documents to, without the leaked labels and documents.")
@click.option(
    "--by",
    type=click.Choice(["fact", "pair"]),
    default="fact",
    show_default=True,
    help="Definition of a leak: fact: the same relation between the same names; pair: any relation between them.",
)
@click.option("--no-relation", default="no_relation", show_default=True, help="Name of the no-relation label.")
def command(
    file: Path,
    against: tuple[Path, ...],
    format_: str,
    to: str,
    drop: Path | None,
    by: Literal["fact", "pair"],
    no_relation: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Find facts and documents of held-out files in the pre-training data FILE.

    Entity names are compared case-insensitively and in both directions. --drop removes the leaked labels and documents.
    """
    from finecl.data.convert import convert
    from finecl.data.leakage import HeldOut, Leaks, find_leaks, without_leaks

    with data_context(format_, quiet) as context:
        splits = {str(path): context.source(path) for path in against}
        held_out = HeldOut(splits, by=by, no_relation=no_relation)
        leaks = Leaks()
        if drop:
            convert(without_leaks(context.source(file), held_out, leaks), context.writer(drop, to), drop)
        else:
            leaks = find_leaks(context.source(file), held_out)
    numbers = leaks.to_dict()
    if not as_json:
        same = {row["title"]: f"{row['there']} of {row['split']}" for row in numbers["same_documents"]}
        numbers["same_documents"] = same
    print_numbers(numbers, as_json=as_json)
