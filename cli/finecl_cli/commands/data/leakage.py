"""``finecl data leakage``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from finecl_cli.commands.data.common import FILE, desk, reading_options, tell, writing_options


@click.command("leakage")
@click.argument("file", type=FILE)
@click.option("--against", type=FILE, multiple=True, required=True, help="Held-out documents; repeatable.")
@reading_options
@writing_options
@click.option("--drop", type=FILE, help="Write FILE here without what was found.")
@click.option(
    "--by",
    type=click.Choice(["fact", "pair"]),
    default="fact",
    show_default=True,
    help="A leak is the same relation between the same names, or any relation between them.",
)
@click.option(
    "--no-relation", default="no_relation", show_default=True, help="What a label without relation is called."
)
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

    Names of entities are compared without case, and in both directions; --drop removes the labels and the documents.
    """
    from finecl.data.convert import convert
    from finecl.data.leakage import HeldOut, Leaks, find_leaks, without_leaks

    with desk(format_, quiet) as at:
        splits = {str(path): at.source(path) for path in against}
        held_out = HeldOut(splits, by=by, no_relation=no_relation)
        leaks = Leaks()
        if drop:
            convert(without_leaks(at.source(file), held_out, leaks), at.writer(drop, to), drop)
        else:
            leaks = find_leaks(at.source(file), held_out)
    told = leaks.to_dict()
    if not as_json:
        told["same_documents"] = {row["title"]: f"{row['there']} of {row['split']}" for row in told["same_documents"]}
    tell(told, as_json=as_json)
