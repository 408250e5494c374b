"""What the verbs of ``finecl data`` share: options, sources with progress, and how numbers are printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from finecl import registry as plugins

if TYPE_CHECKING:
    from finecl.data.formats import DocumentFile
    from finecl_cli.screen import Screen

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)


def reading_options(command: Command) -> Command:
    """Adds ``--format``, ``--json`` and ``--quiet``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")(command)
    command = click.option("--quiet", is_flag=True, help="No progress on stderr.")(command)
    return click.option("--format", "format_", metavar="NAME", default="auto", help="Format that is read.")(command)


def writing_options(command: Command) -> Command:
    """Adds ``--to``."""
    what = "Format that is written.  [default: by the ending .jsonl, .parquet or .spacy]"
    return click.option("--to", metavar="NAME", default="auto", help=what)(command)


@dataclass(frozen=True)
class Desk:
    """Where a verb opens what it reads and writes."""

    registry: plugins.Registry
    screen: Screen
    format: str

    def source(self, path: Path) -> DocumentFile:
        """A file of documents, read with progress."""
        from finecl.data.formats import DocumentFile

        return DocumentFile.open(path, self.registry, self.format, self.screen)

    def writer(self, path: Path, to: str) -> Any:
        """The format to write a file in."""
        from finecl.data.formats import writer

        return writer(path, self.registry, to)


@contextmanager
def desk(format_: str, quiet: bool) -> Iterator[Desk]:
    """A desk whose progress is drawn as long as the block lasts."""
    from finecl_cli.screen import Screen

    with Screen(quiet=quiet) as screen:
        registry = plugins.load()
        for fault in registry.faults:
            screen.note(fault)
        yield Desk(registry, screen, format_)


def tell(numbers: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints numbers, as JSON or a name a line; nested ones stand below theirs, the first twenty of many."""
    if as_json:
        click.echo(json.dumps(numbers))
        return
    for line in _lines(numbers, ""):
        click.echo(line)


def _lines(numbers: Mapping[str, Any], indent: str) -> Iterator[str]:
    for number, (name, value) in enumerate(numbers.items()):
        if number == 20 and indent:
            yield f"{indent}... and {len(numbers) - 20} more (--json has all)"
            return
        label = name.replace("_", " ") if not indent else name
        if isinstance(value, Mapping):
            yield f"{indent}{label}:"
            yield from _lines(value, f"{indent}  ")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else value
            yield f"{indent}{label}: {shown}"
