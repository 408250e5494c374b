"""The contract, run on everything that a plugin brings: ``finecl plugins check``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from finecl import registry as plugins
from finecl import testing
from finecl.errors import PluginError, SettingsError
from finecl.registry import Part, Registry

_CHECKS: dict[str, Callable[..., None]] = {
    "scorer": testing.check_noise_scorer,
    "weighting": testing.check_weighting,
    "objective": testing.check_objective,
    "method": testing.check_method,
    "extractor": testing.check_extractor,
    "format": testing.check_format,
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the check of one part found. ``breach`` is one line, or empty; ``skipped`` says why it was not checked."""

    kind: str
    name: str
    breach: str = ""
    skipped: str = ""


def check_plugin(name: str) -> list[Finding]:
    """Checks the plugin in the module ``name``, or the installed plugin that is called so: one finding a part.

    Parts are made with their defaults. A plugin that cannot be loaded at all is one finding of the kind "plugin".
    """
    try:
        module = _module(name)
        registry = Registry()
        registry.register(module, name=name)
        parts = [part for kind in plugins.KINDS for part in registry.parts(kind).values()]
    except PluginError as error:
        return [Finding(kind="plugin", name=name, breach=str(error))]
    except Exception as error:  # whatever a stranger's module raises when it is imported
        breach = f"cannot be imported: {type(error).__name__}: {' '.join(str(error).split())}"
        return [Finding(kind="plugin", name=name, breach=breach)]
    found = [Finding(kind="plugin", name=name, breach=fault) for fault in registry.faults]
    if not parts and not found:
        hooks = ", ".join(plugins.hook_names())
        found = [Finding(kind="plugin", name=name, breach=f"brings nothing; mark a hook with @hookimpl: {hooks}")]
    return [*found, *(_check(part, module) for part in parts)]


def _module(name: str) -> Any:
    installed = {point.name: point for point in entry_points(group=plugins.GROUP)}
    return importlib.import_module(installed[name].value if name in installed else name)


def _check(part: Part, module: Any) -> Finding:
    breach, skipped = _clash(part, module), ""
    if not breach:
        try:
            _CHECKS[part.kind](part.factory)
        except SettingsError as error:
            skipped = f"its defaults do not make it: {error}"
        except AssertionError as error:
            breach = str(error)
        except Exception as error:  # a part that fails on small inputs
            breach = f"raised {type(error).__name__}: {' '.join(str(error).split())}"
    return Finding(kind=part.kind, name=part.name, breach=breach, skipped=skipped)


def _clash(part: Part, module: Any) -> str:
    """Whether another installed plugin brings a part of this name."""
    for other in _others(module):
        if (other.kind, other.name) == (part.kind, part.name):
            return f"the {part.kind} '{part.name}' is brought by the plugin '{other.plugin}' too; rename it"
    return ""


def _others(module: Any) -> Iterator[Part]:
    for point in entry_points(group=plugins.GROUP):
        if point.value == module.__name__:
            continue
        registry = Registry()
        try:
            registry.register(point.load(), name=point.name)
            found = [part for kind in plugins.KINDS for part in registry.parts(kind).values()]
        except Exception:
            continue
        yield from found
