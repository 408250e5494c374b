"""Asks several labelers about the same documents, and checks what they answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from finecl.errors import PluginError, SettingsError
from finecl.registry import Registry
from finecl.types import Document, Labeler, Vote, vote_fault

FORM = "NAME or NAME:SOURCE, such as rules:rules.toml"


def labelers(names: Sequence[str], settings: Mapping[str, Mapping[str, Any]], registry: Registry) -> dict[str, Labeler]:
    """Creates labelers from names such as ``rules:rules.toml``; the same part may be named with several sources.

    ``settings`` of each part by its name. Returns the labelers by the names of their votes: the part's name, or the
    whole if a part is named more than once.

    Raises:
        SettingsError: a source is named twice, or settings belong to no named part.
        PluginError: there is no such labeler.
    """
    parts = [name.partition(":") for name in names]
    kinds = [kind for kind, _, _ in parts]
    if unknown := sorted(set(settings) - set(kinds)):
        raise SettingsError(f"--source-option: expected settings of {', '.join(kinds)}, got those of '{unknown[0]}'")
    created: dict[str, Labeler] = {}
    for name, (kind, _, source) in zip(names, parts, strict=True):
        called = kind if kinds.count(kind) == 1 else name
        if called in created:
            raise SettingsError(f"--with: expected each source once, got '{name}' twice")
        created[called] = registry.create("labeler", kind, settings.get(kind, {}), source)
    return created


def gather(
    documents: Iterable[Document], sources: Mapping[str, Labeler]
) -> Iterator[tuple[Document, list[Sequence[Vote]]]]:
    """Yields each document and the votes of each source on it, in the order of the sources.

    Raises:
        PluginError: a labeler's answer breaks the contract; the message names it and the document.
    """
    stream, *branches = itertools.tee(documents, len(sources) + 1)
    answers = [labeler.votes(branch) for labeler, branch in zip(sources.values(), branches, strict=True)]
    for number, document in enumerate(stream):
        votes = []
        for name, answer in zip(sources, answers, strict=True):
            given = next(answer, None)
            if given is None:
                raise PluginError(
                    f"labeler '{name}': expected votes on document {number}, got an end; yield a list each"
                )
            if fault := vote_fault(given, document):
                raise PluginError(f"labeler '{name}', document {number} ('{document.title}'): {fault}")
            votes.append(given)
        yield document, votes
