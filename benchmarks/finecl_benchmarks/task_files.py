"""Tasks as data: reading the TOML files that describe them."""

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
_DATA_FIELDS = {"train", "dev", "test", "dev_share", "test_share", "no_relation", "format"}
_PUBLISHED_FIELDS = {"system", "fraction", "measure", "value", "source"}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A downstream task. ``data`` names files below FINECL_DATA (or absolute ones); ``settings`` are of a run;
    ``by_fraction`` are more of them by the per cent of the training data that is used; ``published`` are figures of
    others, each with its source.
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
        """The file of a split.

        Raises:
            SettingsError: it is not there.
        """
        return data_file(f"task '{self.name}', data.{split}", str(self.data[split]))

    @property
    def is_there(self) -> bool:
        """Whether all of its files are."""
        return all((data_directory() / str(self.data[s])).exists() for s in ("train", "dev", "test") if s in self.data)


def data_directory() -> Path:
    """Where data sets are: the variable FINECL_DATA, else ../shared/data."""
    return Path(os.environ.get(DATA, "../shared/data"))


def data_file(place: str, name: str) -> Path:
    """A file below FINECL_DATA, or an absolute one; ``place`` says who asks for it.

    Raises:
        SettingsError: it is not there.
    """
    found = data_directory() / name
    if not found.exists():
        raise SettingsError(
            f"{place}: expected a file at {found}, found none; set {DATA} to the directory that holds the data sets, "
            "or name a file of your own"
        )
    return found


def task_names() -> list[str]:
    """The tasks that come with finecl."""
    return sorted(p.name.removesuffix(".toml") for p in files("finecl_benchmarks.tasks").iterdir() if ".toml" in p.name)


def read_task(name: str) -> Task:
    """A task by its name, or from a TOML file of one's own.

    Raises:
        SettingsError: there is no such task, or the file is no task; the message names the field.
    """
    own = Path(name)
    if name in task_names():
        text = (files("finecl_benchmarks.tasks") / f"{name}.toml").read_text(encoding="utf-8")
    elif own.is_file():
        text = own.read_text(encoding="utf-8")
    else:
        raise SettingsError(f"no task is called '{name}', and no file; known: {', '.join(task_names())}")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: expected a task as TOML: {error}") from None
    _check(name, values)
    renamed = {"by_fraction" if key == "fractions" else key: value for key, value in values.items()}
    return Task(name=own.stem, **{"title": own.stem, **renamed})


def _check(name: str, values: Mapping[str, Any]) -> None:
    known_fields(name, values, _FIELDS)
    for key in ("metric", "headline", "data"):
        if key not in values:
            raise SettingsError(f"{name}: expected the field '{key}', found none; add it")
    if values["metric"] not in METRICS:
        raise SettingsError(f"{name}, metric: expected one of {', '.join(METRICS)}, got '{values['metric']}'")
    known_fields(f"{name}, data", values["data"], _DATA_FIELDS)
    if ("test" in values["data"]) == ("test_share" in values["data"]):
        raise SettingsError(
            f"{name}, data: expected either 'test' or 'test_share', the share of train that is held out"
        )
    for split in () if values["metric"] == "episodes" else ("train",):
        if split not in values["data"]:
            raise SettingsError(f"{name}, data: expected a file '{split}', found none; name it")
    if "train" in values["data"] and ("dev" in values["data"]) == ("dev_share" in values["data"]):
        raise SettingsError(f"{name}, data: expected either 'dev' or 'dev_share', the share of train that is held out")
    for published in values.get("published", ()):
        if set(published) != _PUBLISHED_FIELDS:
            raise SettingsError(f"{name}, published: expected the fields {', '.join(sorted(_PUBLISHED_FIELDS))}")


def known_fields(place: str, values: Mapping[str, Any], known: set[str]) -> None:
    """Refuses fields that are none.

    Raises:
        SettingsError: there is one; the message lists those that are.
    """
    strange = sorted(set(values) - known)
    if strange:
        raise SettingsError(f"{place}: unknown field '{strange[0]}'; known: {', '.join(sorted(known))}")
