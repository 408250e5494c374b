"""``finecl data convert``."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.commands.data.common import FILE, data_context, print_numbers, reading_options, writing_options
from finecl_cli.help import examples


@click.command(
    "convert",
    epilog=examples(
        "finecl data convert annotated/ annotated.jsonl",
        "finecl data convert train.json train.parquet --format docred",
        "finecl data convert gold.jsonl gold.txt --to semeval --drop ids",
    ),
)
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@reading_options
@writing_options
@click.option(
    "--drop",
    metavar="FIELD",
    multiple=True,
    help="Field to leave out: ids, types, names, evidence, truth, labels or entities; repeatable.",
)
def command(file: Path, output: Path, format_: str, to: str, drop: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Convert the documents of FILE to another format and write them to OUTPUT.

    Refuses documents that the output format cannot represent without loss; --drop removes the fields in question.
    """
    from finecl.data.convert import convert

    with data_context(format_, quiet) as context:
        written = convert(context.source(file), context.writer(output, to), output, drop=drop)
    print_numbers({"output": str(output), **vars(written)}, as_json=as_json, then=[f"finecl data validate {output}"])
