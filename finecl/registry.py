"""Loads plugins and creates their parts by name. The only module that calls the plugin manager.

A *part* is what a plugin provides by name, such as a scorer or a format; ``KINDS`` lists the kinds. Its settings are
the keyword-only parameters of its factory.
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
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from finecl import hookspecs
from finecl.config.coerce import coerce, parameters
from finecl.config.installed import installed_points
from finecl.errors import PluginError, SettingsError

GROUP, ONLY = "finecl", "FINECL_PLUGINS"

KINDS: Mapping[str, str] = {
    "scorer": "noise_scorers",
    "weighting": "weightings",
    "objective": "objectives",
    "method": "methods",
    "extractor": "extractors",
    "format": "formats",
    "recogniser": "recognisers",
    "labeler": "labelers",
    "label model": "label_models",
}
"""Kinds of part, and the hook that returns the parts of each kind."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A named part, its plugin and its factory; ``code`` changes with the plugin's version or files."""

    kind: str
    name: str
    plugin: str
    version: str
    code: str
    factory: Any

    @property
    def settings(self) -> dict[str, inspect.Parameter]:
        """Returns the keyword-only parameters of the factory by name; a method has none.

        Raises:
            PluginError: the parameters' types cannot be resolved.
        """
        try:
            factory_parameters = parameters(self.factory) if callable(self.factory) else []
        except NameError as error:  # imported under TYPE_CHECKING only
            where = f"plugin '{self.plugin}', {self.kind} '{self.name}'"
            raise PluginError(f"{where}: {error}; import it outside TYPE_CHECKING") from None
        return {p.name: p for p in factory_parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    @property
    def about(self) -> str:
        """Returns the description of the part in one line."""
        return str(getattr(self.factory, "summary", None) or inspect.getdoc(self.factory) or "").partition("\n")[0]

    def create(self, *positional: Any, **settings: Any) -> Any:
        """Creates the part with settings checked against its signature; see ``values``."""
        return self.factory(*positional, **self.values(settings))

    def values(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Converts settings to the types in the part's signature.

        Raises:
            SettingsError: the part does not have a setting, or a value has the wrong type.
        """
        known = self.settings
        for name in settings:
            if name not in known:
                names = ", ".join(known) or "none"
                raise SettingsError(f"{self.kind} '{self.name}' has no setting '{name}'; it has: {names}")
        place = f"{self.kind}.{{}} of '{self.name}'"
        return {n: coerce(v, known[n].annotation, place.format(n)) for n, v in settings.items()}


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A registered plugin; ``fault`` says in one line why it was left out, and is empty otherwise."""

    name: str
    version: str
    code: str = ""
    fault: str = ""


class Registry:
    """All parts of all plugins that could be loaded. A hook is called when a part of its kind is first requested."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self._parts: dict[str, dict[str, Part]] = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @property
    def faults(self) -> list[str]:
        """Returns one line for each plugin that was left out."""
        return [plugin.fault for plugin in self.plugins if plugin.fault]

    def load_entry_points(self, only: str | None = None) -> None:
        """Registers every installed plugin, or those named in ``only`` ("a,b"); lists broken ones in ``faults``.

        Raises:
            PluginError: ``only`` names a plugin that is not installed.
        """
        installed, damaged = installed_points(GROUP)
        for place, error in damaged.items():
            self._leave_out(place, "", error)
        for name in [name.strip() for name in only.split(",") if name.strip()] if only else list(installed):
            if name not in installed:
                raise PluginError(f"{ONLY} names the plugin '{name}'; installed are: {', '.join(installed)}")
            point, version = installed[name], str(getattr(installed[name].dist, "version", None) or "")
            try:
                self.register(point.load(), name=name, version=version)
            except Exception as error:  # a plugin's module may raise anything
                self._leave_out(name, version, error)

    def _leave_out(self, name: str, version: str, error: Exception) -> None:
        why = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        why = why.removeprefix(f"plugin '{name}': ")
        fault = " ".join(f"plugin '{name}' was left out: {why}".split())
        others = (plugin for plugin in self.plugins if plugin.name != name)
        self.plugins = [*others, Plugin(name=name, version=version, fault=fault)]

    def register(self, module: object, *, name: str, version: str = "") -> None:
        """Registers a plugin: any object with hook implementations.

        Raises:
            PluginError: a hook is misspelt or hidden, or a plugin of this name is already registered.
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
        """Returns the parts of a kind by name.

        Raises:
            PluginError: a hook does not return a mapping, or two plugins provide the same name.
        """
        if kind not in self._parts:
            parts: dict[str, Part] = {}
            for plugin in [p for p in self.plugins if not p.fault]:
                for part in self._parts_of(kind, plugin):
                    first = parts.setdefault(part.name, part)
                    if first is not part:
                        clash = f"'{first.plugin}' and '{part.plugin}'"
                        raise PluginError(f"the {kind} '{part.name}' is provided by two plugins: {clash}")
            self._parts[kind] = dict(sorted(parts.items()))
        return self._parts[kind]

    def _parts_of(self, kind: str, plugin: Plugin) -> Iterator[Part]:
        hook = KINDS[kind]
        try:
            results = self._caller(hook, plugin)()
        except Exception as error:  # a plugin's hook may raise anything
            self._leave_out(plugin.name, plugin.version, error)
            return
        origin = {"plugin": plugin.name, "version": plugin.version, "code": plugin.code}
        for factories in results:
            if not isinstance(factories, Mapping):
                must = f"{hook}() must return a mapping of names, not {type(factories).__name__}"
                raise PluginError(f"plugin '{plugin.name}': {must}")
            for name, factory in factories.items():
                yield Part(kind=kind, name=name, factory=factory, **origin)

    def _caller(self, hook: str, plugin: Plugin) -> Any:
        """Returns a function that calls this hook of this plugin only."""
        others = [p for p in self._manager.get_plugins() if self._manager.get_name(p) != plugin.name]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)

    def part(self, kind: str, name: str) -> Part:
        """Returns the part of this kind and name ('_' matches '-').

        Raises:
            PluginError: no part has this name; the message suggests the nearest one.
        """
        parts = self.parts(kind)
        part = parts.get(name) or parts.get(name.replace("_", "-"))
        if part:
            return part
        hint = "".join(f"did you mean '{n}'? " for n in difflib.get_close_matches(name, parts, n=1, cutoff=0.5))
        known = "; ".join([f"known: {', '.join(parts) or 'none'}", *self.faults])
        raise PluginError(f"no {kind} is called '{name}'; {hint}{known}")

    def create(self, kind: str, name: str, settings: Mapping[str, Any], *positional: Any) -> Any:
        """Creates the part of this kind and name; see ``Part.create``."""
        return self.part(kind, name).create(*positional, **settings)

    def add_commands(self, cli: Any) -> None:
        """Calls the hook ``commands`` of every plugin; leaves out plugins that raise an error."""
        for plugin in [p for p in self.plugins if not p.fault]:
            try:
                self._caller("commands", plugin)(cli=cli)
            except Exception as error:  # a plugin's hook may raise anything
                self._leave_out(plugin.name, plugin.version, error)


def _digest(plugin: object) -> str:
    """Returns a hash of all files of the plugin's package, also those of data, or of its only module."""
    module = plugin if isinstance(plugin, ModuleType) else sys.modules.get(type(plugin).__module__)
    path = Path(getattr(module, "__file__", None) or "")
    files = sorted(path.parent.rglob("*")) if path.name == "__init__.py" else [path]
    content = [f"{f.name} ".encode() + f.read_bytes() for f in files if f.is_file() and f.suffix != ".pyc"]
    return hashlib.blake2b(b"\0".join(content), digest_size=8).hexdigest()


def _check_submodules(module: object, name: str) -> None:
    """Refuses submodules called like a hook: once imported, the submodule replaces the hook in the package."""
    submodules = {submodule.name for submodule in pkgutil.iter_modules(getattr(module, "__path__", []))}
    for hook in hook_names():
        if hook in submodules:
            raise PluginError(f"plugin '{name}': its submodule '{hook}' hides the hook of that name; rename it")


def load() -> Registry:
    """Returns a registry of the installed plugins, or of those named by the environment variable FINECL_PLUGINS."""
    registry = Registry()
    registry.load_entry_points(os.environ.get(ONLY))
    return registry


def hook_names() -> list[str]:
    """Returns the names of the hooks."""
    return [name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")]
