"""``finecl data label --with``: labels documents by the votes of several sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finecl.errors import SettingsError
from finecl.registry import Registry

if TYPE_CHECKING:
    from finecl.types import Document, Format

_GRAPH = "knowledge-graph"
_OF_GRAPH = ("names", "types", "properties", "match", "no_relation_pairs", "seed")  # options that are its settings


def label_by_votes(
    documents: Iterable[Document],
    writer: Format,
    output: Path,
    registry: Registry,
    sources: str,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the labelled documents, all votes and the confidence in each label; returns the numbers to print.

    With the option ``dry_run`` it writes nothing and returns what the votes of each source would cost.
    ``sources`` and ``options`` are the options of ``finecl data label``.

    Raises:
        SettingsError, PluginError, FormatError: a source does not exist, cannot be read, or breaks its contract.
    """
    from finecl.data.votes.files import VoteLabelling
    from finecl.data.votes.gathering import labelers
    from finecl.types import PaidLabeler

    model = registry.create("label model", options["combine"], {})
    names, settings = _with_graph(sources, _source_settings(options["source_option"]), options)
    created = labelers(names, settings, registry)
    if options["dry_run"]:
        return {
            name: dict(labeler.estimate(documents)) if isinstance(labeler, PaidLabeler) else {"dollars": 0.0}
            for name, labeler in created.items()
        }
    labelling = VoteLabelling(
        sources=created,
        model=model,
        name=options["combine"],
        no_relation=options["no_relation"],
        stated=options["stated"],
    )
    counts = labelling.write(documents, writer, output)
    tables = {f"{what}_table": str(output.with_name(f"{output.stem}.{what}.parquet")) for what in ("votes", "labels")}
    return {"output": str(output), **tables, **counts.to_dict()}


def _source_settings(options: Sequence[str]) -> dict[str, dict[str, str]]:
    """Returns the settings of each source from options ``NAME.KEY=VALUE``.

    Raises:
        SettingsError: an option has another form.
    """
    settings: dict[str, dict[str, str]] = {}
    for option in options:
        key, equals, value = option.partition("=")
        name, dot, setting = key.rpartition(".")
        if not (equals and dot and name and setting):
            raise SettingsError(f"--source-option: expected NAME.KEY=VALUE, got '{option}'")
        settings.setdefault(name, {})[setting] = value
    return settings


def _with_graph(
    sources: str, settings: Mapping[str, Mapping[str, str]], options: Mapping[str, Any]
) -> tuple[list[str], Mapping[str, Mapping[str, str]]]:
    """Returns the names of the sources and their settings; ``knowledge-graph`` alone is the graph of the options.

    Raises:
        SettingsError: it is named without a file, and there is no option ``--triples``; or nothing is named.
    """
    names = [name.strip() for name in sources.split(",") if name.strip()]
    if not names:
        raise SettingsError(f"--with: expected sources, such as {_GRAPH},rules:rules.toml, got '{sources}'")
    if _GRAPH not in names:
        return names, settings
    if options["triples"] is None:
        raise SettingsError(f"--with {_GRAPH}: expected --triples FILE, or {_GRAPH}:FILE, found none")
    names[names.index(_GRAPH)] = f"{_GRAPH}:{options['triples']}"
    of_graph = {name: str(options[name]) for name in _OF_GRAPH if options[name] is not None}
    return names, {**settings, _GRAPH: {**of_graph, **settings.get(_GRAPH, {})}}
