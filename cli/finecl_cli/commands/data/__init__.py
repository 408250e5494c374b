"""``finecl data``: your own data, one verb a module."""

from __future__ import annotations

import importlib

import click

VERBS = {
    "convert": "Write documents in another format.",
    "validate": "Tell everything that is wrong with files of documents.",
    "stats": "Count what files of documents hold, and what an encoder would see of it.",
    "split": "Draw a low-resource fraction, or parts, of a file of documents.",
    "leakage": "Find facts and documents of dev and test files in pre-training data.",
    "label": "Label documents, or find entities in raw text, by a knowledge graph.",
    "corrupt": "Make some labels wrong on purpose, and keep the true ones.",
}


class Verbs(click.Group):
    """Imports a verb's module only when that verb is asked for: help stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One verb."""
        if cmd_name not in VERBS:
            return None
        found: click.Command = importlib.import_module(f"finecl_cli.commands.data.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group("data", cls=Verbs)
def command() -> None:
    """Your own data: convert, check, count, split, label, and make it noisy on purpose."""
