"""``finecl plugins``: what is installed, under which names, with which settings."""

from __future__ import annotations

import inspect
import json
from typing import Any

import click

from finecl import registry as plugins


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """List every part that the installed plugins bring, with its settings and their defaults.

    FINECL_PLUGINS=a,b loads only the plugins a and b.
    """
    registry = plugins.load()
    rows = [_row(part) for kind in plugins.KINDS for part in registry.parts(kind).values()]
    if as_json:
        click.echo(json.dumps({"parts": rows, "faults": registry.faults}))
        return
    _show(rows)
    for fault in registry.faults:
        click.echo(f"finecl: {fault}", err=True)


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
