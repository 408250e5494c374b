"""``finecl plugins``: what is installed, under which names, with which settings; new plugins, and their check."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from finecl import registry as plugins


@click.group("plugins", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List every part that the installed plugins bring, with its settings and their defaults.

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


@command.command("new")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(("scorer", "weighting", "objective", "extractor", "format")),
    required=True,
    help="What it brings.",
)
@click.option(
    "--directory", type=click.Path(path_type=Path), default=Path(), help="Where to write it.  [default: here]"
)
def new(name: str, kind: str, directory: Path) -> None:
    """Write a plugin NAME as an installable package with a passing test, to be changed at will."""
    from finecl_cli.scaffold import new_plugin

    written = new_plugin(name, kind, directory)
    for path in written:
        click.echo(path)
    at = written[0].parent
    click.echo(f"next: pip install -e {at} && finecl plugins check {name} && python -m pytest {at}", err=True)


@command.command("check")
@click.argument("module")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def check(module: str, as_json: bool) -> int:
    """Run the contract on everything that a plugin brings: MODULE is importable, or an installed plugin's name.

    The exit code is 2 if anything is amiss.
    """
    from finecl_cli.plugin_check import check_plugin

    sys.path.insert(0, "")  # a plugin that is being written stands in the current directory
    found = check_plugin(module)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    for finding in found if not as_json else ():
        said = finding.breach or (f"not checked: {finding.skipped}" if finding.skipped else "keeps the contract")
        click.echo(f"{'FAULT' if finding.breach else 'ok':5}  {finding.kind} {finding.name}: {said}")
    return 2 if any(finding.breach for finding in found) else 0


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
    from rich.console import Console
    from rich.table import Table

    table = Table("plugin", "version", "kind", "name", "settings")
    for row in rows:
        settings = "\n".join(f"{name} = {value}" for name, value in row["settings"].items()) or row["about"]
        table.add_row(row["plugin"], row["version"], row["kind"], row["name"], settings)
    Console().print(table)
