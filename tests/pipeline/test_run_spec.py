"""Parts are bound once: their settings are typed by their signatures, and combinations are checked before training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch.distributed as dist

from finecl import hookimpl, registry
from finecl.artifacts.provenance import fingerprint
from finecl.config.resolve import resolve
from finecl.config.schema import Settings
from finecl.errors import PluginError, SettingsError
from finecl.models.extractor import extractor_settings
from finecl.pipeline.run import Run
from finecl.pipeline.run_spec import RunSpec, part_settings
from finecl.pipeline.stages.scorer_comparison import other_scorers
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.testing import samples
from finecl.types import Evidence, Floats, Instances, Method, NoiseScorer, Objective

TOML = """
objectives = ["relation-discrimination"]
[scorer]
name = "area-under-margin"
epochs = 3
fair = true
[weighting]
name = "exp"
alpha = 3
[objective.relation-discrimination]
temperature = 0.3
[extractor]
projection = 8
"""
ASSIGNMENTS = (
    "objectives=relation-discrimination",
    "scorer.name=area-under-margin",
    "scorer.epochs=3",
    "scorer.fair=true",
    "weighting.name=exp",
    "weighting.alpha=3",
    "objective.relation-discrimination.temperature=0.3",
    "extractor.projection=8",
)


def test_settings_of_parts_are_equal_whatever_their_source(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(TOML, encoding="utf-8")
    known = registry.load()
    from_file, from_command = (RunSpec.bind(s, known) for s in (resolve(file=file), resolve(assignments=ASSIGNMENTS)))
    assert from_file.settings == from_command.settings
    assert fingerprint(from_file.settings.to_dict()) == fingerprint(from_command.settings.to_dict())
    assert from_file.scorer == from_command.scorer
    assert from_command.settings.scorer == {"name": "area-under-margin", "epochs": 3, "fair": True}
    assert from_command.settings.weighting["alpha"] == 3.0
    assert isinstance(from_command.settings.weighting["alpha"], float)


def test_the_floor_of_the_learning_order_is_equal_whatever_its_source(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[scorer]\nname = "learning-order"\nfloor = 0.3\n', encoding="utf-8")
    known = registry.load()
    sources = (resolve(file=file), resolve(assignments=["scorer.name=learning-order", "scorer.floor=0.3"]))
    from_file, from_command = (RunSpec.bind(source, known).settings for source in sources)
    assert from_command.scorer == {"name": "learning-order", "floor": 0.3}
    assert from_file == from_command
    assert fingerprint(from_file.to_dict()) == fingerprint(from_command.to_dict())


def test_a_run_is_resumed_whatever_the_source_of_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(TOML, encoding="utf-8")
    settings = RunSpec.bind(resolve(file=file), registry.load()).settings.to_dict()
    record = {"settings": settings, "stages": {"score": {"fingerprint": "0"}}}
    (tmp_path / "run.json").write_text(json.dumps(record))
    Run(tmp_path, resolve(assignments=ASSIGNMENTS))
    changed = r"holds a run with other settings \(scorer.epochs: 3 in the directory, 4 now\)"
    with pytest.raises(SettingsError, match=changed):
        Run(tmp_path, resolve(assignments=[*ASSIGNMENTS, "scorer.epochs=4"]))


def test_the_name_of_a_part_is_text() -> None:
    with pytest.raises(SettingsError, match=r"scorer\.name: expected the name of a scorer, got 3"):
        RunSpec.bind(Settings(scorer={"name": 3}), registry.load())


@dataclass(frozen=True, kw_only=True)
class MixedUnits(Objective):
    """Contrasts queries with entity pairs, which no contrast group offers together."""

    anchors: ClassVar[Any] = "query"

    def pairs(self, *_: Any) -> Any:
        raise NotImplementedError

    def loss(self, *_: Any) -> Any:
        raise NotImplementedError


class Plugin:
    """Parts that the tests register."""

    @hookimpl
    def objectives(self) -> dict[str, Any]:
        return {"mixed-units": MixedUnits}

    @hookimpl
    def methods(self) -> dict[str, Method]:
        return {"mixed": Method(scorer=None, weighting="uniform", objectives=((1.0, "mixed-units"),), summary="mixed")}

    @hookimpl
    def noise_scorers(self) -> dict[str, Any]:
        return {"broken": Broken}


@dataclass(frozen=True, kw_only=True)
class Broken(NoiseScorer):
    """Fails on any evidence."""

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        raise ZeroDivisionError("no noise")


@pytest.fixture
def known() -> Registry:
    loaded = registry.load()
    loaded.register(Plugin(), name="tests")
    return loaded


def test_units_that_no_group_offers_together_are_refused_before_training(known: Registry) -> None:
    message = "objective 'mixed-units': anchors and candidates must both be 'pair', or both 'query' or 'entity'"
    with pytest.raises(PluginError, match=message):
        RunSpec.bind(Settings(method="mixed"), known)


class Notes(Listener):
    """Records notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_scorer_that_fails_in_the_comparison_is_named(known: Registry) -> None:
    spec, listener = RunSpec.bind(Settings(), known), Notes()
    noises = other_scorers(spec, samples.instances(40), samples.evidence(40), listener)
    assert "area-under-margin" in noises
    assert "broken" not in noises
    assert listener.notes == ["scorer 'broken' is left out of the comparison: ZeroDivisionError: no noise"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Slots:
    """A part without ``__dict__``, with values that JSON cannot hold."""

    path: Path = Path("a")
    table: Any = None


def test_settings_of_any_part_are_recorded_as_json() -> None:
    assert part_settings(Slots(table=np.arange(2))) == {"path": "a", "table": "[0 1]"}

    class Plain:
        def __init__(self) -> None:
            self.alpha, self._cache = 2.0, object()

    assert part_settings(Plain()) == {"alpha": 2.0}


def test_opening_a_run_joins_no_process_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # without a second process: joining would wait for it
    settings = RunSpec.bind(Settings(), registry.load()).settings.to_dict()
    (tmp_path / "run.json").write_text(json.dumps({"settings": settings}))
    Run.open(tmp_path)
    assert not dist.is_initialized()


def test_a_preset_sets_parts_that_the_run_has_and_the_user_overrides_them() -> None:
    known = registry.load()
    exp = RunSpec.bind(resolve(preset="demo"), known)
    assert part_settings(exp.weighting)["unlearned"] == "drop"
    assert list(exp.objectives) == ["relation-discrimination"]
    assert part_settings(exp.objectives["relation-discrimination"])["negatives"] == 4096
    changed = RunSpec.bind(resolve(preset="demo", assignments=["weighting.unlearned=last"]), known)
    assert part_settings(changed.weighting)["unlearned"] == "last"
    both = ["objectives=entity-discrimination,relation-discrimination"]
    assert len(RunSpec.bind(resolve(preset="demo", assignments=both), known).objectives) == 2
    assert RunSpec.bind(resolve(preset="demo", overrides={"method": "mlm"}), known).objectives == {}
    assert part_settings(RunSpec.bind(resolve(), known).weighting)["unlearned"] == "drop"  # demo is the default data
    without = RunSpec.bind(resolve(overrides={"data.silver": "a", "data.gold": "b"}), known)
    assert part_settings(without.weighting)["unlearned"] == "last"
    assert len(without.objectives) == 2


def test_each_extractor_gets_the_settings_that_it_has() -> None:
    known = registry.load()
    settings = {"proxy.extractor": "bilinear", "finetune.extractor": "concat"}
    spec = RunSpec.bind(resolve(overrides=settings | {"extractor.projection": "8", "extractor.hidden": "9"}), known)
    assert spec.settings.extractor == {"projection": 8, "hidden": 9}
    assert extractor_settings(known, "concat", None, spec.settings.extractor) == {"loss": None, "hidden": 9}
    with pytest.raises(SettingsError, match="has no setting 'heads'"):
        RunSpec.bind(resolve(overrides=settings | {"extractor.heads": "8"}), known)
