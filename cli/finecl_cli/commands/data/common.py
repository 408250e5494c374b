"""Options, document sources and printing shared by the subcommands of ``finecl data``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from finecl import registry as plugins
from finecl_cli.next_steps import print_next
from finecl_cli.numbers import shown
from finecl_cli.reading import open_documents, tolerance_options

if TYPE_CHECKING:
    from finecl.data.formats import DocumentFile
    from finecl_cli.screen import Screen

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)


def reading_options(command: Command) -> Command:
    """Adds the options ``--format``, ``--format-option``, ``--skip-faulty``, ``--json`` and ``--quiet``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")(command)
    command = click.option("--quiet", is_flag=True, help="Hide progress on stderr.")(command)
    command = tolerance_options(command)
    what = "Format of the input files.  [default: recognised automatically]"
    return click.option("--format", "format_", metavar="NAME", default="auto", help=what)(command)


def writing_options(command: Command) -> Command:
    """Adds the option ``--to``."""
    what = "Format of the output file.  [default: by its suffix .jsonl, .parquet or .spacy]"
    return click.option("--to", metavar="NAME", default="auto", help=what)(command)


@dataclass(frozen=True)
class DataContext:
    """Registry, progress display and input format of a subcommand."""

    registry: plugins.Registry
    screen: Screen
    format: str

    def source(self, path: Path) -> DocumentFile:
        """Opens a file of documents; reading it updates the progress display."""
        return open_documents(path, self.registry, self.format, self.screen)

    def writer(self, path: Path, to: str) -> Any:
        """Returns the format that writes ``path``: ``to``, or by the path's suffix if ``to`` is "auto"."""
        from finecl.data.formats import writer

        return writer(path, self.registry, to)


@contextmanager
def data_context(format_: str, quiet: bool) -> Iterator[DataContext]:
    """Loads the plugins and shows progress while the block runs."""
    from finecl_cli.screen import Screen

    with Screen(quiet=quiet) as screen:
        registry = plugins.load()
        for fault in registry.faults:
            screen.note(fault)
        yield DataContext(registry, screen, format_)


def print_numbers(numbers: Mapping[str, Any], *, as_json: bool, then: Sequence[str] = ()) -> None:
    """Prints numbers as JSON, or one per line; nested mappings are indented and cut after twenty entries.

    ``then``: commands that may follow, printed below the lines.
    """
    if as_json:
        click.echo(json.dumps(numbers))
        return
    for line in _lines(numbers, ""):
        click.echo(line)
    print_next(*then)


def _lines(numbers: Mapping[str, Any], indent: str) -> Iterator[str]:
    for number, (name, value) in enumerate(numbers.items()):
        if number == 20 and indent:
            yield f"{indent}... and {len(numbers) - 20} more (--json prints all)"
            return
        label = name.replace("_", " ") if not indent else name
        if isinstance(value, Mapping):
            yield f"{indent}{label}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{label}: {shown(value)}"
