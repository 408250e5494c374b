"""Options of every command that reads documents: settings of the format, and faulty documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from finecl.errors import SettingsError

if TYPE_CHECKING:
    from finecl.data.formats import DocumentFile
    from finecl.registry import Registry
    from finecl_cli.screen import Screen

Command = TypeVar("Command", bound=Callable[..., Any])
_OPTIONS, _SKIP = "finecl.format_options", "finecl.skip_faulty"


def tolerance_options(command: Command) -> Command:
    """Adds the options ``--format-option`` and ``--skip-faulty``, which ``open_documents`` reads."""
    what = "Setting of the input format, such as offsets=utf-16; repeatable."
    command = click.option(
        "--format-option", metavar="KEY=VALUE", multiple=True, help=what, expose_value=False, callback=_keep(_OPTIONS)
    )(command)
    what = "Leave out faulty documents instead of stopping; writes them and their faults to *.skipped.jsonl."
    return click.option("--skip-faulty", is_flag=True, help=what, expose_value=False, callback=_keep(_SKIP))(command)


def key_values(name: str, options: Iterable[str]) -> dict[str, str]:
    """Returns the values of an option ``KEY=VALUE`` by key.

    Raises:
        SettingsError: one has no "=".
    """
    settings: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise SettingsError(f"{name}: expected KEY=VALUE, got '{option}'")
        settings[key] = value
    return settings


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> Any:
        context.meta[name] = value
        return value

    return callback


def open_documents(path: Path, registry: Registry, format_: str, screen: Screen) -> DocumentFile:
    """Opens a file of documents as the options of the current command say; reading it updates the progress display.

    Raises:
        SettingsError: an option of the format has no "=", or the format does not have it.
    """
    from dataclasses import replace

    from finecl.data.formats import DocumentFile
    from finecl.data.tolerant import TolerantFormat

    context = click.get_current_context()
    settings = key_values("--format-option", context.meta.get(_OPTIONS, ()))
    source = DocumentFile.open(path, registry, format_, screen, settings)
    if not context.meta.get(_SKIP):
        return source
    beside: Path = context.params.get("output") or Path(path.name)
    report = beside.with_name(f"{beside.name}.skipped.jsonl")
    return replace(source, format=TolerantFormat(source.format, report, screen.note))
