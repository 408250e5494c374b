"""Settings come from four sources in a fixed order; errors state what was expected."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Annotated, Any

import pytest
from annotated_types import Gt, Interval
from hypothesis import given
from hypothesis import strategies as st

from finecl import registry as plugins
from finecl.artifacts.provenance import fingerprint
from finecl.config import resolve as config
from finecl.config.coerce import coerce, parameters
from finecl.config.resolve import from_dict, presets, read_compat, read_preset, resolve
from finecl.config.schema import Settings
from finecl.errors import SettingsError


@pytest.fixture
def preset(monkeypatch: pytest.MonkeyPatch) -> str:
    """A preset that exists for one test."""
    values = {"seed": 1, "proxy": {"num_train_epochs": 2, "batch_size": 7}, "scorer": {"floor": 0.1, "mode": "epoch"}}
    monkeypatch.setattr(config, "presets", lambda: ["demo", "quick"])
    monkeypatch.setattr(config, "read_preset", {"quick": values, "demo": {"seed": 99}}.__getitem__)
    return "quick"


def toml(directory: Path, text: str) -> Path:
    path = directory / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_later_sources_win_key_by_key(tmp_path: Path, preset: str) -> None:
    file = toml(tmp_path, "seed = 2\n[proxy]\nnum_train_epochs = 3\n[scorer]\nmode = 'batch'\n")
    by_preset = resolve(preset=preset)
    assert (by_preset.seed, by_preset.proxy.num_train_epochs, by_preset.proxy.batch_size) == (1, 2, 7)
    assert by_preset.preset == "quick"
    with_file = resolve(preset=preset, file=file)
    assert (with_file.seed, with_file.proxy.num_train_epochs, with_file.proxy.batch_size) == (2, 3, 7)
    assert with_file.scorer == {"floor": 0.1, "mode": "batch"}
    overridden = resolve(preset=preset, file=file, overrides={"seed": 3, "proxy.num_train_epochs": 4})
    assert (overridden.seed, overridden.proxy.num_train_epochs, overridden.proxy.batch_size) == (3, 4, 7)
    everything: dict[str, Any] = {"preset": preset, "file": file, "overrides": {"seed": 3}}
    assert resolve(assignments=["seed=4", "proxy.batch_size=8"], **everything).seed == 4
    assert resolve(assignments=["seed=4", "seed=5"], **everything).seed == 5


def test_a_preset_named_in_the_file_and_the_one_of_the_demo(tmp_path: Path, preset: str) -> None:
    assert resolve(file=toml(tmp_path, f"preset = '{preset}'\n")).seed == 1
    assert resolve().seed == 99  # data.name is "demo"
    assert resolve(assignments=["data.name=/some/directory"]).seed == Settings().seed
    assert resolve(assignments=["data.silver=a.json"]).seed == Settings().seed
    assert resolve(preset=preset, file=toml(tmp_path, "preset = 'demo'\n")).seed == 1


def test_every_built_in_preset_is_valid() -> None:
    for name in presets():
        sections = {key: value for key, value in read_preset(name).items() if key != "parts"}
        assert resolve(preset=name) == from_dict(sections | {"preset": name})
    with pytest.raises(SettingsError, match="no preset has the name 'nothing'; known: "):
        resolve(preset="nothing")


def test_settings_survive_json() -> None:
    settings = resolve(assignments=["scorer.floor=0.2", "data.gold_split=0.5,0.25,0.25", "objective.x.temperature=1"])
    assert from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    with pytest.raises(FrozenInstanceError):
        settings.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("sead=3", "unknown setting 'sead'; did you mean 'seed'. known here: seed, preset, compat"),
        ("proxy.num_train_epoch=3", r"did you mean 'proxy\.num_train_epochs'.* known here: learning_rate"),
        ("xyzzy=1", "unknown setting 'xyzzy'; known here: seed"),
        ("proxy.batch_size.x=1", r"proxy\.batch_size: expected int, got \{'x': '1'\}"),
        ("seed=many", "seed: expected int, got 'many'"),
        ("proxy.learning_rate=fast", r"proxy\.learning_rate: expected float, got 'fast'"),
        ("proxy.batch_size=2.5", r"proxy\.batch_size: expected int, got '2\.5'"),
        ("proxy.loss=mse", r"proxy\.loss: expected one of ce, bce, got 'mse'"),
        ("model.hidden_dropout=some", r"model\.hidden_dropout: expected float or none, got 'some'"),
        ("data.gold_split=a,b", r"data\.gold_split: expected float, got 'a'"),
        ("data.gold_split=[0.5,0.5", r"data\.gold_split: expected a list, got '\[0\.5,0\.5'"),
        ("proxy=3", r"'proxy' is a section: set one of its keys, as proxy\.KEY=VALUE"),
        ("data=demo", r"'data' is a section: set one of its keys, as data\.KEY=VALUE"),
        ("scorer=learning-order", "'scorer' is a section"),
        ("seed", "--set expects key=value, got 'seed'"),
        ("=3", "--set expects key=value, got '=3'"),
    ],
)
def test_invalid_settings_are_named_with_the_expected_values(assignment: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        resolve(assignments=[assignment])


def test_a_value_and_a_key_within_it_are_refused_together() -> None:
    with pytest.raises(SettingsError, match="'model' is a section: set one of its keys"):
        resolve(assignments=["model=minilm", "model.max_length=3"])
    with pytest.raises(SettingsError, match="'model' is a section: set one of its keys"):
        resolve(assignments=["model.max_length=3", "model=minilm"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = ", "expected TOML settings: "),
        ("seed = 1\nseed = 2\n", "expected TOML settings: Cannot overwrite a value"),
        ("proxy = 3\n", "'proxy' is a section"),
        ("data = 'demo'\n", "'data' is a section"),
        ("seed = 1.5\n", "seed: expected int, got 1.5"),
        ("seed = true\n", "seed: expected int, got True"),
        ("method = 3\n", "method: expected str, got 3"),
        ("preset = 3\n", "no preset has the name '3'"),
        ("[data]\nname = ['a']\n", r"data\.name: expected str, got \['a'\]"),
        ("[proxy]\nlos = 'ce'\n", r"unknown setting 'proxy\.los'; did you mean 'proxy\.loss'"),
    ],
)
def test_an_invalid_file_gives_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        resolve(file=toml(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: no such settings file"):
        resolve(file=tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="expected TOML settings"):
        resolve(file=tmp_path)
    (tmp_path / "latin.toml").write_bytes("method = 'é'".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"latin\.toml: expected TOML settings"):
        resolve(file=tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("proxy.learning_rate=1", "proxy.learning_rate", 1.0),
        ("proxy.learning_rate=3e-5", "proxy.learning_rate", 3e-5),
        ("model.hidden_dropout=none", "model.hidden_dropout", None),
        ("model.hidden_dropout=0", "model.hidden_dropout", 0.0),
        ("data.gold_split=0.5,0.5", "data.gold_split", (0.5, 0.5)),
        ("data.gold_split=[0.5, 0.5]", "data.gold_split", (0.5, 0.5)),
        ("data.silver=a=b.json", "data.silver", "a=b.json"),
        (" seed = 5 ", "seed", 5),
        ("scorer.floor=0.5", "scorer", {"floor": "0.5"}),  # checked against the scorer's signature
        ("objective.entity-discrimination.temperature=1", "objective", {"entity-discrimination": {"temperature": "1"}}),
    ],
)
def test_text_is_converted_to_the_type_of_the_setting(assignment: str, path: str, value: Any) -> None:
    found: Any = resolve(assignments=[assignment])
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value
    assert type(found) is type(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(JSON, JSON)
def test_fingerprints_differ_with_their_contents(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint(one) == fingerprint(other)) == same
    assert fingerprint(one, other) == fingerprint(one, other)
    assert len(fingerprint(one)) == 16


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_compat_overrides_the_preset_but_not_the_user() -> None:
    plain, released = resolve(preset="small"), resolve(preset="small", assignments=["compat=release"])
    assert (plain.proxy.loss, released.proxy.loss) == ("ce", "bce")
    assert released.proxy.max_grad_norm == released.finetune.max_grad_norm == 0.1
    assert released.proxy.num_train_epochs == plain.proxy.num_train_epochs == 3
    chosen = resolve(preset="small", assignments=["compat=release", "proxy.loss=ce"])
    assert chosen.proxy.loss == "ce"
    with pytest.raises(SettingsError, match="compat: expected one of release or none, got 'other'"):
        resolve(assignments=["compat=other"])


def test_every_part_in_compat_exists_with_its_settings() -> None:
    registry = plugins.load()
    for kind, parts in read_compat("release")["parts"].items():
        for name, settings in parts.items():
            registry.create(kind, name, settings)


def test_names_of_transformers_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    names = ["pretrain.per_device_train_batch_size=8", "pretrain.gradient_accumulation_steps=2", "bf16=true"]
    settings = resolve(preset="small", assignments=[*names, "proxy.per_device_train_batch_size=3"])
    assert (settings.pretrain.batch_size, settings.proxy.batch_size) == (64, 12)
    assert settings.model.precision == "bf16"
    assert resolve(preset="small", assignments=["bf16=false"]).model.precision == "float32"
    assert settings.finetune.batch_size == resolve(preset="small").finetune.batch_size


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["proxy.per_device_train_batch_size=3", "proxy.batch_size=3"], "proxy.batch_size: expected it or per_device"),
        (["proxy.gradient_accumulation_steps=3"], "expected per_device_train_batch_size beside it"),
        (["proxy.per_device_train_batch_size=0"], "proxy.per_device_train_batch_size: expected at least 1, got 0"),
        (["proxy.per_device_train_batch_size=x"], "proxy.per_device_train_batch_size: expected"),
        (["bf16=true", "model.precision=float32"], "bf16: expected bf16 or model.precision, got both"),
        (["bf16=maybe"], "bf16: expected"),
    ],
)
def test_errors_in_names_of_transformers_are_explained(assignments: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        resolve(assignments=assignments)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.hidden_dropout=1.5", "model.hidden_dropout: expected a number from 0 to 1, got 1.5"),
        ("finetune.max_tokens=0", "finetune.max_tokens: expected at least 1, got 0"),
        ("pretrain.contrast_group=1", "pretrain.contrast_group: expected at least 2, got 1"),
        ("pretrain.false_negative_threshold=0.4", "expected a number from 0.5 to 1, got 0.4"),
        ("proxy.fold_epochs=0", "proxy.fold_epochs: expected at least 1, got 0"),
        ("finetune.max_grad_norm=inf", "finetune.max_grad_norm: expected at least 1e-16, got inf"),
    ],
)
def test_numbers_outside_their_range_are_refused(assignment: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        resolve(assignments=[assignment])


def test_a_part_declares_ranges_of_its_settings_too() -> None:
    def factory(*, temperature: Annotated[float, Gt(0)] = 0.05, rank: Annotated[int, Interval(ge=1, lt=5)] = 1) -> None:
        """A part."""

    types = {parameter.name: parameter.annotation for parameter in parameters(factory)}
    assert coerce("0.1", types["temperature"], "temperature") == 0.1
    with pytest.raises(SettingsError, match="temperature: expected above 0, got 0"):
        coerce("0", types["temperature"], "temperature")
    with pytest.raises(SettingsError, match="rank: expected at least 1 and below 5, got 5"):
        coerce("5", types["rank"], "rank")
