"""The layout of ``--help``: options in groups, and examples at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click


def examples(*lines: str) -> str:
    """Returns the epilog of a command: commands that can be run as they are, one a line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class GroupedCommand(click.Command):
    """A command whose ``--help`` lists its options under headings; options without one stand last."""

    groups: Mapping[str, Sequence[str]] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options, one section a group."""
        heading = {name: title for title, names in self.groups.items() for name in names}
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in (*self.groups, "Options")}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections[heading.get(parameter.name or "", "Options")].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def grouped(groups: Mapping[str, Sequence[str]]) -> type[GroupedCommand]:
    """Returns a class of commands with these groups: names of parameters by heading."""
    attributes: dict[str, Any] = {"groups": groups}
    return type("Grouped", (GroupedCommand,), attributes)
