"""``finecl data``: commands for your own data sets, one per module."""

from __future__ import annotations

import importlib

import click

from finecl_cli.help import examples

VERBS = {
    "convert": "Convert documents to another format.",
    "validate": "Report all errors in files of documents.",
    "stats": "Count documents, entities, labels and sub-words.",
    "split": "Sample a low-resource fraction, or random splits, of a file of documents.",
    "leakage": "Find facts and documents of held-out files in pre-training data.",
    "label": "Label documents by distant supervision from a knowledge graph.",
    "corrupt": "Replace a share of the labels by wrong ones, and record the true ones.",
}


class Verbs(click.Group):
    """Group that imports a subcommand's module only when it is used, so that ``--help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the subcommands."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports and returns a subcommand; None if there is none of this name."""
        if cmd_name not in VERBS:
            return None
        subcommand: click.Command = importlib.import_module(f"finecl_cli.commands.data.{cmd_name}").command
        return subcommand

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    "data",
    cls=Verbs,
    epilog=examples("finecl data validate labelled.jsonl", "finecl data convert annotated/ annotated.jsonl"),
)
def command() -> None:
    """Convert, validate, count, split, label and corrupt your own data."""
