"""``finecl data convert``."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.commands.data.common import FILE, desk, reading_options, tell, writing_options


@click.command("convert")
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@reading_options
@writing_options
@click.option(
    "--drop",
    metavar="WHAT",
    multiple=True,
    help="Leave out what the format cannot hold: ids, types, names, evidence, truth, labels or entities; repeatable.",
)
def command(file: Path, output: Path, format_: str, to: str, drop: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Write the documents of FILE to OUTPUT in another format.

    A format that cannot hold the documents refuses them in one line; --drop leaves out what it has no place for.
    """
    from finecl.data.convert import convert

    with desk(format_, quiet) as at:
        written = convert(at.source(file), at.writer(output, to), output, drop=drop)
    tell({"output": str(output), **vars(written)}, as_json=as_json)
