"""``finecl settings``: lists every key of ``--set`` with its default, its range and its meaning."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from finecl.errors import SettingsError
from finecl_cli.completion import setting_keys
from finecl_cli.help import examples

if TYPE_CHECKING:
    from finecl.config.describe import Setting


@click.command(
    "settings",
    epilog=examples("finecl settings", "finecl settings pretrain", "finecl settings scorer", "finecl settings --json"),
)
@click.argument("prefix", required=False, default="", shell_complete=setting_keys)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(prefix: str, as_json: bool) -> None:
    """List the settings that begin with PREFIX, or all: default, range and meaning of every key of --set.

    Defaults are the paper's; presets change some (finecl train --help). Settings of parts, such as scorer.floor, name
    the part that has them. "none" is no value.
    """
    from finecl_cli.settings_list import all_settings

    every = all_settings()
    listed = [setting for setting in every if setting.key.startswith(prefix)]
    if not listed:
        near = difflib.get_close_matches(prefix, [setting.key for setting in every], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "; `finecl settings` lists all"
        raise SettingsError(f"no setting begins with '{prefix}'{hint}")
    if as_json:
        click.echo(json.dumps([asdict(setting) for setting in listed]))
    else:
        _show(listed)


def _show(listed: Sequence[Setting]) -> None:
    """Prints one setting a line; those of a part below a line that says what the part is."""
    part = ""
    for setting in listed:
        if setting.part != part:
            part = setting.part
            click.echo(f"# {setting.key.partition('.')[0]} {part}: {setting.meaning}" if part else "")
        line = f"{setting.key} = {setting.default}  [{setting.range}]"
        click.echo(line if part or not setting.meaning else f"{line}  {setting.meaning}")
