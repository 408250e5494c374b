"""``finecl data validate``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from finecl_cli.commands.data.common import FILE, desk, reading_options, tell


@click.command("validate")
@click.argument("files", type=FILE, nargs=-1, required=True)
@reading_options
@click.option("--max-errors", type=click.IntRange(min=1), default=20, show_default=True, help="Faults told a file.")
@click.option("--relations", type=FILE, help="JSON with the relations that labels may have: an object or a list.")
def command(
    files: tuple[Path, ...], format_: str, max_errors: int, relations: Path | None, quiet: bool, as_json: bool
) -> None:
    """Tell everything that is wrong with FILES, or what they hold if nothing is.

    Every fault is one line: file, place, field, what was expected, what came, what to do. Exit code 2 if there is one.
    """
    from finecl.data.distant.properties import read_relations
    from finecl.data.validate import Bill, validate
    from finecl.errors import FormatError

    known = read_relations(relations) if relations else None
    bills: dict[str, Bill] = {}
    with desk(format_, quiet) as at:
        for file in files:
            try:
                format = at.source(file).format
            except FormatError as error:
                bills[str(file)] = Bill(faults=[str(error)])
            else:
                bills[str(file)] = validate(file, format, max_errors=max_errors, relations=known, listener=at.screen)
    if as_json:
        click.echo(json.dumps({name: bill.to_dict() for name, bill in bills.items()}))
    for name, bill in bills.items():
        _tell(name, bill, as_json)
    if not all(bill.clean for bill in bills.values()):
        raise click.exceptions.Exit(2)


def _tell(name: str, bill: object, as_json: bool) -> None:
    from finecl.data.validate import Bill

    assert isinstance(bill, Bill)
    for fault in bill.faults:
        click.echo(f"finecl: {fault}", err=True)
    if not bill.complete:
        click.echo(f"finecl: {name}: there may be more; --max-errors tells more of them", err=True)
    if bill.clean and not as_json:
        counts = {key: value for key, value in bill.to_dict().items() if isinstance(value, int) and key != "complete"}
        tell({"file": name} | counts, as_json=False)
