"""Contract checks for all parts of a plugin: ``finecl plugins check``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from finecl import registry as plugins
from finecl import testing
from finecl.errors import FormatError, ModelError, PluginError, SettingsError
from finecl.registry import Part, Registry

_CHECKS: dict[str, Callable[..., None]] = {
    "scorer": testing.check_noise_scorer,
    "weighting": testing.check_weighting,
    "objective": testing.check_objective,
    "method": testing.check_method,
    "extractor": testing.check_extractor,
    "format": testing.check_format,
    "recogniser": testing.check_recogniser,
    "labeler": testing.check_labeler,
    "label model": testing.check_label_model,
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of checking one part.

    ``breach`` is the violated contract in one line, or empty; ``skipped`` is the reason why the part was not checked.
    """

    kind: str
    name: str
    breach: str = ""
    skipped: str = ""


def check_plugin(name: str) -> list[Finding]:
    """Checks the plugin in the module ``name``, or the installed plugin of this name; returns one finding per part.

    Parts are created with their defaults. A plugin that cannot be loaded gives one finding of the kind "plugin".
    """
    try:
        module = _module(name)
        registry = Registry()
        registry.register(module, name=name)
        parts = [part for kind in plugins.KINDS for part in registry.parts(kind).values()]
    except PluginError as error:
        return [Finding(kind="plugin", name=name, breach=str(error))]
    except Exception as error:  # a third-party module may raise anything on import
        breach = f"cannot be imported: {type(error).__name__}: {' '.join(str(error).split())}"
        return [Finding(kind="plugin", name=name, breach=breach)]
    faults = [Finding(kind="plugin", name=name, breach=fault) for fault in registry.faults]
    if not parts and not faults:
        hooks = ", ".join(plugins.hook_names())
        breach = f"defines no parts; mark a hook function with @hookimpl: {hooks}"
        faults = [Finding(kind="plugin", name=name, breach=breach)]
    return [*faults, *(_check(part, module) for part in parts)]


def _module(name: str) -> Any:
    installed = {point.name: point for point in entry_points(group=plugins.GROUP)}
    return importlib.import_module(installed[name].value if name in installed else name)


def _check(part: Part, module: Any) -> Finding:
    breach, skipped = _name_conflict(part, module), ""
    if not breach:
        try:
            _CHECKS[part.kind](part.factory)
        except (SettingsError, ModelError, FormatError) as error:
            skipped = f"cannot be created with its defaults: {error}"
        except AssertionError as error:
            breach = str(error)
        except Exception as error:  # a part may raise anything on small inputs
            breach = f"raised {type(error).__name__}: {' '.join(str(error).split())}"
    return Finding(kind=part.kind, name=part.name, breach=breach, skipped=skipped)


def _name_conflict(part: Part, module: Any) -> str:
    """Returns an error message if another installed plugin has a part of this kind and name, else ''."""
    for other in _parts_of_other_plugins(module):
        if (other.kind, other.name) == (part.kind, part.name):
            return f"the {part.kind} '{part.name}' is also defined by the plugin '{other.plugin}'; rename it"
    return ""


def _parts_of_other_plugins(module: Any) -> Iterator[Part]:
    for point in entry_points(group=plugins.GROUP):
        if point.value == module.__name__:
            continue
        registry = Registry()
        try:
            registry.register(point.load(), name=point.name)
            parts = [part for kind in plugins.KINDS for part in registry.parts(kind).values()]
        except Exception:
            continue
        yield from parts
