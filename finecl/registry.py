"""Plugins in, named parts out. The only module that talks to the plugin manager.

A *part* is one named thing that a plugin brings: a scorer, a weighting, an objective, a method, an extractor, a
format. Its settings are the keyword-only parameters of its factory.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from finecl import hookspecs
from finecl.config.coerce import coerce, parameters
from finecl.errors import PluginError, SettingsError

GROUP = "finecl"
ONLY = "FINECL_PLUGINS"

KINDS: Mapping[str, str] = {
    "scorer": "noise_scorers",
    "weighting": "weightings",
    "objective": "objectives",
    "method": "methods",
    "extractor": "extractors",
    "format": "formats",
}
"""Kinds of part, and the hook that asks for each."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One named part: what it is, who brings it, and how to make it.

    ``code`` changes when the plugin's version or its Python files do.
    """

    kind: str
    name: str
    plugin: str
    version: str
    code: str
    factory: Any

    @property
    def settings(self) -> dict[str, inspect.Parameter]:
        """The keyword-only parameters of the factory, by name; a method has none.

        Raises:
            PluginError: their types cannot be read.
        """
        if not callable(self.factory):
            return {}
        try:
            found = parameters(self.factory)
        except NameError as error:  # imported under TYPE_CHECKING only
            what = f"{error}; import it where it can be read at run time"
            raise PluginError(f"plugin '{self.plugin}', {self.kind} '{self.name}': {what}") from None
        return {p.name: p for p in found if p.kind is inspect.Parameter.KEYWORD_ONLY}

    @property
    def about(self) -> str:
        """What the part is, in one line."""
        text = getattr(self.factory, "summary", None) or inspect.getdoc(self.factory) or ""
        return str(text).partition("\n")[0]

    def create(self, *positional: Any, **given: Any) -> Any:
        """Makes the part with settings checked against its signature; see ``values``."""
        return self.factory(*positional, **self.values(given))

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as the types that the part's signature asks for.

        Raises:
            SettingsError: a setting that the part does not have, or a value of the wrong type.
        """
        known = self.settings
        for name in given:
            if name not in known:
                raise SettingsError(
                    f"{self.kind} '{self.name}' has no setting '{name}'; it has: {', '.join(known) or 'none'}"
                )
        place = f"{self.kind}.{{}} of '{self.name}'"
        return {n: coerce(v, known[n].annotation, place.format(n)) for n, v in given.items()}


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A registered plugin; ``fault`` says in one line why it brings nothing, or is empty."""

    name: str
    version: str
    code: str = ""
    fault: str = ""


class Registry:
    """All parts of all plugins that could be loaded. A hook is asked when its kind of part is first wanted."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self._parts: dict[str, dict[str, Part]] = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @property
    def faults(self) -> list[str]:
        """One line for each plugin, or hook of one, that was left out."""
        return [plugin.fault for plugin in self.plugins if plugin.fault]

    def load_entry_points(self, only: str | None = None) -> None:
        """Registers every installed plugin, or those named in ``only`` ("a,b").

        A plugin that cannot be loaded is named in ``faults`` and the others go on.

        Raises:
            PluginError: ``only`` names a plugin that is not installed.
        """
        found = {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}
        wanted = [name.strip() for name in only.split(",") if name.strip()] if only else list(found)
        for name in wanted:
            if name not in found:
                raise PluginError(f"{ONLY} names the plugin '{name}'; installed are: {', '.join(found)}")
            self._load(found[name])

    def _load(self, point: EntryPoint) -> None:
        version = point.dist.version if point.dist else ""
        try:
            self.register(point.load(), name=point.name, version=version)
        except Exception as error:  # whatever a stranger's module raises
            self._leave_out(point.name, version, error)

    def _leave_out(self, name: str, version: str, error: Exception) -> None:
        why = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        why = why.removeprefix(f"plugin '{name}': ")
        fault = f"plugin '{name}' was left out: {why}"
        self.plugins = [plugin for plugin in self.plugins if plugin.name != name]
        self.plugins.append(Plugin(name=name, version=version, fault=" ".join(fault.split())))

    def register(self, module: object, *, name: str, version: str = "") -> None:
        """Registers one plugin: any object with hook implementations.

        Raises:
            PluginError: a hook is misspelt or hidden, or a plugin of this name is registered already.
        """
        if self._manager.has_plugin(name):
            raise PluginError(f"two plugins are called '{name}'; entry points of the group '{GROUP}' need other names")
        _check_submodules(module, name)
        self._manager.register(module, name=name)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            self._manager.unregister(name=name)
            raise PluginError(f"plugin '{name}': {error}; the hooks are: {', '.join(hook_names())}") from error
        self.plugins.append(Plugin(name=name, version=version, code=f"{version} {_digest(module)}"))
        self._parts.clear()

    def parts(self, kind: str) -> Mapping[str, Part]:
        """The parts of one kind by name.

        Raises:
            PluginError: a plugin answers with something else than a mapping, or two bring the same name.
        """
        if kind not in self._parts:
            parts: dict[str, Part] = {}
            for plugin in [p for p in self.plugins if not p.fault]:
                for part in self._brought(kind, plugin):
                    there = parts.setdefault(part.name, part)
                    if there is not part:
                        clash = f"'{there.plugin}' and '{part.plugin}'"
                        raise PluginError(f"the {kind} '{part.name}' is brought by two plugins: {clash}")
            self._parts[kind] = dict(sorted(parts.items()))
        return self._parts[kind]

    def _brought(self, kind: str, plugin: Plugin) -> Iterator[Part]:
        hook = KINDS[kind]
        try:
            answers = self._caller(hook, plugin)()
        except Exception as error:  # whatever a stranger's hook raises
            self._leave_out(plugin.name, plugin.version, error)
            return
        for answer in answers:
            if not isinstance(answer, Mapping):
                came = type(answer).__name__
                raise PluginError(f"plugin '{plugin.name}': {hook}() must return a mapping of names, not {came}")
            for name, factory in answer.items():
                told = {"plugin": plugin.name, "version": plugin.version, "code": plugin.code}
                yield Part(kind=kind, name=name, factory=factory, **told)

    def _caller(self, hook: str, plugin: Plugin) -> Any:
        """Asks one plugin alone."""
        others = [p for p in self._manager.get_plugins() if self._manager.get_name(p) != plugin.name]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)

    def part(self, kind: str, name: str) -> Part:
        """The part of this kind and name ('_' may stand for '-').

        Raises:
            PluginError: there is none; the message suggests the nearest name.
        """
        parts = self.parts(kind)
        found = parts.get(name) or parts.get(name.replace("_", "-"))
        if found:
            return found
        near = difflib.get_close_matches(name, parts, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'? " if near else ""
        known = "; ".join([f"known: {', '.join(parts) or 'none'}", *self.faults])
        raise PluginError(f"no {kind} is called '{name}'; {hint}{known}")

    def create(self, kind: str, name: str, settings: Mapping[str, Any], *positional: Any) -> Any:
        """Makes the part of this kind and name; see ``Part.create``."""
        return self.part(kind, name).create(*positional, **settings)

    def add_commands(self, cli: Any) -> None:
        """Lets every plugin add commands to the command line; a plugin that fails at it is left out."""
        for plugin in [p for p in self.plugins if not p.fault]:
            try:
                self._caller("commands", plugin)(cli=cli)
            except Exception as error:  # whatever a stranger's hook raises
                self._leave_out(plugin.name, plugin.version, error)


def _digest(plugin: object) -> str:
    """Changes when the plugin's Python files do: those of its package, or its one module."""
    module = plugin if isinstance(plugin, ModuleType) else sys.modules.get(type(plugin).__module__)
    path = Path(getattr(module, "__file__", None) or "")
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.blake2b(digest_size=8)
    for each in filter(Path.is_file, files):
        digest.update(each.read_bytes())
    return digest.hexdigest()


def _check_submodules(module: object, name: str) -> None:
    """Importing a submodule puts it in the place of a hook of its name, and the plugin falls silent."""
    within = {found.name for found in pkgutil.iter_modules(getattr(module, "__path__", []))}
    for hook in hook_names():
        if hook in within:
            what = f"its submodule '{hook}' hides the hook of that name; rename the submodule"
            raise PluginError(f"plugin '{name}': {what}")


def load() -> Registry:
    """A registry of the installed plugins, or of those that the variable FINECL_PLUGINS names."""
    registry = Registry()
    registry.load_entry_points(os.environ.get(ONLY))
    return registry


def hook_names() -> list[str]:
    """The names of the hooks."""
    return [name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")]
