"""``finecl data validate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finecl_cli.commands.data.common import FILE, data_context, print_numbers, reading_options
from finecl_cli.help import examples

if TYPE_CHECKING:
    from finecl.data.validate import ValidationReport


@click.command(
    "validate",
    epilog=examples(
        "finecl data validate labelled.jsonl",
        "finecl data validate train.json dev.json --relations relations.json",
    ),
)
@click.argument("files", type=FILE, nargs=-1, required=True)
@reading_options
@click.option(
    "--max-errors", type=click.IntRange(min=1), default=20, show_default=True, help="Maximum errors printed per file."
)
@click.option("--relations", type=FILE, help="JSON object or list of the relations that labels may have.")
def command(
    files: tuple[Path, ...], format_: str, max_errors: int, relations: Path | None, quiet: bool, as_json: bool
) -> None:
    """Report all errors in FILES, or their counts if they are valid.

    Prints one line per error: file, location, field, the expected and the actual value, and how to fix it. The exit
    code is 2 if any file has an error.
    """
    from finecl.data.distant.properties import read_relations
    from finecl.data.validate import ValidationReport, validate
    from finecl.errors import FormatError

    known = read_relations(relations) if relations else None
    reports: dict[str, ValidationReport] = {}
    with data_context(format_, quiet) as context:
        for file in files:
            try:
                format = context.source(file).format
            except FormatError as error:
                reports[str(file)] = ValidationReport(faults=[str(error)])
            else:
                reports[str(file)] = validate(
                    file, format, max_errors=max_errors, relations=known, listener=context.screen
                )
    if as_json:
        click.echo(json.dumps({name: report.to_dict() for name, report in reports.items()}))
    for name, report in reports.items():
        _print_report(name, report, as_json)
    if not all(report.clean for report in reports.values()):
        raise click.exceptions.Exit(2)


def _print_report(name: str, report: ValidationReport, as_json: bool) -> None:
    for fault in report.faults:
        click.echo(f"finecl: {fault}", err=True)
    for note in report.notes:
        click.echo(f"finecl: {name}: {note}", err=True)
    if not report.complete:
        click.echo(f"finecl: {name}: there may be more errors; raise --max-errors to see them", err=True)
    if report.clean and not as_json:
        counts = {key: value for key, value in report.to_dict().items() if isinstance(value, int) and key != "complete"}
        print_numbers({"file": name} | counts, as_json=False)
