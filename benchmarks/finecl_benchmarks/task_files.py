"""Reads downstream tasks from their TOML files."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from finecl.errors import SettingsError

DATA = "FINECL_DATA"
METRICS = ("docred", "semeval", "tacred", "accuracy", "episodes")
_FIELDS = {"title", "metric", "headline", "source", "licence", "data", "settings", "fractions", "published", "episodes"}
_DATA_FIELDS = {"name", "train", "dev", "test", "dev_share", "test_share", "no_relation", "format"}
_PUBLISHED_FIELDS = {"system", "fraction", "measure", "value", "source"}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A downstream task.

    ``data`` is ``name = "demo"``, the built-in corpus, which the seed generates and of which a fraction is the first
    training documents; or it names files relative to FINECL_DATA, or absolute ones. ``settings`` are settings of a run;
    ``by_fraction`` overrides them by percentage of the training data; ``published`` are results of other systems with
    their sources.
    """

    name: str
    title: str
    metric: str
    headline: str
    data: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    by_fraction: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    published: Sequence[Mapping[str, Any]] = ()
    episodes: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    licence: str = ""

    def path(self, split: str) -> Path:
        """Returns the file of a split.

        Raises:
            SettingsError: the file does not exist.
        """
        return data_file(f"task '{self.name}', data.{split}", str(self.data[split]))

    @property
    def is_built_in(self) -> bool:
        """Whether the documents are those of the built-in corpus."""
        return "name" in self.data

    @property
    def is_available(self) -> bool:
        """Whether all files of the task exist."""
        return all((data_directory() / str(self.data[s])).exists() for s in ("train", "dev", "test") if s in self.data)


def data_directory() -> Path:
    """Returns the directory of the data sets: the environment variable FINECL_DATA, else ../shared/data."""
    return Path(os.environ.get(DATA, "../shared/data"))


def data_file(place: str, name: str) -> Path:
    """Returns a file relative to FINECL_DATA, or an absolute one; ``place`` is the setting named in the error message.

    Raises:
        SettingsError: the file does not exist.
    """
    path = data_directory() / name
    if not path.exists():
        raise SettingsError(
            f"{place}: expected a file at {path}, found none; set {DATA} to the directory of the data sets, "
            "or use the path of another file"
        )
    return path


def task_names() -> list[str]:
    """Returns the names of the built-in tasks, sorted."""
    return sorted(p.name.removesuffix(".toml") for p in files("finecl_benchmarks.tasks").iterdir() if ".toml" in p.name)


def read_task(name: str) -> Task:
    """Reads a built-in task by name, or a task from a TOML file.

    Raises:
        SettingsError: the task does not exist or the file is invalid; the message names the field.
    """
    path = Path(name)
    if name in task_names():
        text = (files("finecl_benchmarks.tasks") / f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        raise SettingsError(f"{name}: expected a task's name or a TOML file; known: {', '.join(task_names())}")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: expected a task as TOML: {error}") from None
    _check(name, values)
    renamed = {"by_fraction" if key == "fractions" else key: value for key, value in values.items()}
    return Task(name=path.stem, **{"title": path.stem, **renamed})


def _check(name: str, values: Mapping[str, Any]) -> None:
    known_fields(name, values, _FIELDS)
    for key in ("metric", "headline", "data"):
        if key not in values:
            raise SettingsError(f"{name}: expected the field '{key}', found none; add it")
    if values["metric"] not in METRICS:
        raise SettingsError(f"{name}, metric: expected one of {', '.join(METRICS)}, got '{values['metric']}'")
    known_fields(f"{name}, data", values["data"], _DATA_FIELDS)
    if "name" in values["data"]:
        if values["data"] != {"name": "demo"} or values["metric"] != "docred":
            raise SettingsError(f"{name}, data: expected name = \"demo\" alone, with the metric 'docred', or files")
        _check_published(name, values)
        return
    if ("test" in values["data"]) == ("test_share" in values["data"]):
        raise SettingsError(f"{name}, data: expected either 'test' or 'test_share', the share of train to hold out")
    for split in () if values["metric"] == "episodes" else ("train",):
        if split not in values["data"]:
            raise SettingsError(f"{name}, data: expected a file '{split}', found none; add it")
    if "train" in values["data"] and ("dev" in values["data"]) == ("dev_share" in values["data"]):
        raise SettingsError(f"{name}, data: expected either 'dev' or 'dev_share', the share of train to hold out")
    _check_published(name, values)


def _check_published(name: str, values: Mapping[str, Any]) -> None:
    for published in values.get("published", ()):
        if set(published) != _PUBLISHED_FIELDS:
            raise SettingsError(f"{name}, published: expected the fields {', '.join(sorted(_PUBLISHED_FIELDS))}")


def known_fields(place: str, values: Mapping[str, Any], known: set[str]) -> None:
    """Refuses unknown fields.

    Raises:
        SettingsError: a field is unknown; the message lists the known ones.
    """
    unknown = sorted(set(values) - known)
    if unknown:
        raise SettingsError(f"{place}: unknown field '{unknown[0]}'; known: {', '.join(sorted(known))}")
