"""Completion of values in the shell: names of parts and presets, and keys and values of ``--set``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def parts(kind: str) -> Complete:
    """Returns a completion of the names of parts of a kind; a list after commas is completed at its end."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from finecl import registry

        before, comma, last = incomplete.rpartition(",")
        names = registry.load().parts(kind)
        return [
            CompletionItem(f"{before}{comma}{name}", help=part.about)
            for name, part in names.items()
            if name.startswith(last)
        ]

    return complete


def preset_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes the names of presets."""
    from finecl.config.resolve import presets

    return _starting(presets(), incomplete)


def setting_keys(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes keys of settings."""
    from finecl_cli.settings_list import all_settings

    keys = {setting.key: setting.meaning for setting in all_settings()}
    return [CompletionItem(key, help=meaning) for key, meaning in keys.items() if key.startswith(incomplete)]


def assignments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes ``KEY=VALUE``: keys, and the values of settings that have a few."""
    from finecl_cli.settings_list import all_settings

    key, equals, value = incomplete.partition("=")
    if not equals:
        return [CompletionItem(f"{item.value}=", help=item.help) for item in setting_keys(context, parameter, key)]
    ranges = next((setting.range for setting in all_settings() if setting.key == key), "")
    values = ranges.split(" | ") if " | " in ranges else []
    fixed = [choice for choice in values if " " not in choice and choice not in ("text", "number")]
    return _starting([f"{key}={choice}" for choice in fixed if choice.startswith(value)], "")


def _starting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
