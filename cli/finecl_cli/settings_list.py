"""All keys of ``--set``: the settings of runs, and those of the parts of all plugins."""

from __future__ import annotations

from finecl import registry as plugins
from finecl.config.describe import Setting, part_settings, settings

KINDS = ("scorer", "weighting", "objective", "extractor")
"""Kinds of part whose settings are keys of ``--set``."""


def all_settings() -> list[Setting]:
    """Returns the settings of runs, then those of parts by kind and name."""
    registry = plugins.load()
    found = settings()
    for kind in KINDS:
        if kind in ("scorer", "weighting"):
            name_of = f"name of the {kind}"
            found.append(Setting(key=f"{kind}.name", default="the method's", range="text", meaning=name_of))
        for name, part in registry.parts(kind).items():
            found += part_settings(kind, name, part.settings, part.about)
    return found
