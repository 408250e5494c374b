"""``finecl plugins``: lists installed parts and their settings, creates new plugins and checks them."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from finecl import registry as plugins
from finecl.config.describe import value_text
from finecl_cli.help import examples


@click.group(
    "plugins",
    invoke_without_command=True,
    epilog=examples("finecl plugins", "finecl plugins --json", "finecl plugins new mine --kind scorer"),
)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List all parts of the installed plugins, with their settings and defaults.

    FINECL_PLUGINS=a,b loads only the plugins a and b.
    """
    if context.invoked_subcommand:
        return
    registry = plugins.load()
    rows = [_row(part) for kind in plugins.KINDS for part in registry.parts(kind).values()]
    if as_json:
        click.echo(json.dumps({"parts": rows, "faults": registry.faults}))
        return
    _show(rows)
    for fault in registry.faults:
        click.echo(f"finecl: {fault}", err=True)


@command.command(
    "new",
    epilog=examples(
        "finecl plugins new mine --kind scorer",
        "finecl plugins new mine --kind format --directory plugins",
    ),
)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(
        ("scorer", "text-scorer", "weighting", "objective", "extractor", "format", "recogniser", "labeler")
    ),
    required=True,
    help="Kind of the plugin's part; text-scorer: a scorer that reads the text and trains no proxy.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Directory to create the package in.  [default: current directory]",
)
def new(name: str, kind: str, directory: Path) -> None:
    """Create a plugin NAME as an installable package with a passing test, ready to be edited."""
    from finecl_cli.scaffold import new_plugin

    paths = new_plugin(name, kind, directory)
    for path in paths:
        click.echo(path)
    package = paths[0].parent
    click.echo(f"next: pip install -e {package} && finecl plugins check {name} && python -m pytest {package}", err=True)


@command.command(
    "check",
    epilog=examples(
        "finecl plugins check finecl_mine",
        "finecl plugins check mine --json",
    ),
)
@click.argument("module")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def check(module: str, as_json: bool) -> int:
    """Check all parts of a plugin against the plugin contract. MODULE is an importable module or an installed plugin.

    The exit code is 2 if a check fails.
    """
    from finecl_cli.plugin_check import check_plugin

    sys.path.insert(0, "")  # a plugin under development is in the current directory
    findings = check_plugin(module)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    for finding in findings if not as_json else ():
        result = finding.breach or (f"not checked: {finding.skipped}" if finding.skipped else "contract checks passed")
        click.echo(f"{'FAULT' if finding.breach else 'ok':5}  {finding.kind} {finding.name}: {result}")
    return 2 if any(finding.breach for finding in findings) else 0


def _row(part: plugins.Part) -> dict[str, Any]:
    settings = {n: None if p.default is inspect.Parameter.empty else p.default for n, p in part.settings.items()}
    return {
        "plugin": part.plugin,
        "version": part.version,
        "kind": part.kind,
        "name": part.name,
        "settings": settings,
        "about": part.about,
    }


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from finecl_cli.terminal import console, visible

    table = Table()
    for column in ("plugin", "version", "kind"):
        table.add_column(column, overflow="fold")  # or long words would be cut
    table.add_column("name", no_wrap=True)
    table.add_column("settings", overflow="fold")
    for row in rows:
        settings = "\n".join(f"{name} = {value_text(value)}" for name, value in row["settings"].items()) or row["about"]
        cells = row["plugin"], row["version"], row["kind"], row["name"], settings
        table.add_row(*map(visible, cells))  # before their width is measured
    console().print(table)
