"""The last lines of a command's output: what to run next."""

from __future__ import annotations

import click


def print_next(*commands: str) -> None:
    """Prints commands that may follow, one a line."""
    for number, command in enumerate(commands):
        click.echo(f"{'next: ' if not number else '  or: '}{command}")
