"""Tests of the registry: plugins are loaded, parts are created by name, and faults are reported in one line."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
from finecl_learning_order.scorer import LearningOrder

from finecl import hookimpl, registry
from finecl.errors import PluginError, SettingsError
from finecl.registry import KINDS, Registry, hook_names, load
from finecl.types import Method


@dataclass(frozen=True, kw_only=True)
class Rarity:
    """Rare is noisy.

    More of it.
    """

    prior: float = 1.0
    mode: Literal["batch", "epoch"] = "batch"
    depth: int | None = None


def module(**functions: Callable[..., Any]) -> ModuleType:
    """Returns a plugin with these hooks."""
    plugin_module = ModuleType("made")
    for name, function in functions.items():
        setattr(plugin_module, name, hookimpl(function))
    return plugin_module


def plugin(hook: str = "noise_scorers", **parts: Any) -> ModuleType:
    """Returns a plugin with one hook that returns these parts."""

    def answer() -> Any:
        return {name.replace("_", "-"): factory for name, factory in parts.items()}

    return module(**{hook: answer})


def registered(**plugins: object) -> Registry:
    loaded = Registry()
    for name, module in plugins.items():
        loaded.register(module, name=name, version="1.2")
    return loaded


def test_parts_are_found_by_name_with_who_brings_them() -> None:
    loaded = registered(mine=plugin(rarity=Rarity, a_b=Rarity), other=plugin("weightings", flat=Rarity))
    assert list(loaded.parts("scorer")) == ["a-b", "rarity"]
    part = loaded.part("scorer", "a_b")
    assert (part.name, part.plugin, part.version, part.kind) == ("a-b", "mine", "1.2", "scorer")
    assert part.about == "Rare is noisy."
    assert list(part.settings) == ["prior", "mode", "depth"]
    assert list(loaded.parts("weighting")) == ["flat"]
    assert loaded.parts("objective") == {}


def test_a_method_is_data_and_has_no_settings() -> None:
    part = registered(mine=plugin("methods", m=Method(scorer=None, weighting="w", objectives=(), summary="says"))).part(
        "method", "m"
    )
    assert part.settings == {}
    assert part.about == "says"


def test_parts_are_made_with_settings_that_are_read_as_their_types() -> None:
    loaded = registered(mine=plugin(rarity=Rarity))
    part = loaded.create("scorer", "rarity", {"prior": "2", "mode": "epoch", "depth": "none"})
    assert part == Rarity(prior=2.0, mode="epoch", depth=None)
    assert loaded.create("scorer", "rarity", {"depth": "3"}).depth == 3


def test_positional_arguments_are_not_settings() -> None:
    def extractor(encoder: str, relations: int, *, width: int = 4) -> tuple[str, int, int]:
        return encoder, relations, width

    loaded = registered(mine=plugin("extractors", plain=extractor))
    assert loaded.create("extractor", "plain", {"width": "7"}, "encoder", 3) == ("encoder", 3, 7)
    with pytest.raises(SettingsError, match="extractor 'plain' has no setting 'relations'; it has: width"):
        loaded.create("extractor", "plain", {"relations": 3}, "encoder")


def test_two_plugins_with_one_name_for_a_part_are_both_named() -> None:
    loaded = registered(first=plugin(rarity=Rarity), second=plugin(rarity=Rarity))
    with pytest.raises(PluginError, match="the scorer 'rarity' is provided by two plugins: 'first' and 'second'"):
        loaded.parts("scorer")
    assert loaded.parts("weighting") == {}  # other kinds are not touched


def test_two_plugins_of_one_name_are_an_error() -> None:
    loaded = registered(mine=plugin(rarity=Rarity))
    with pytest.raises(PluginError, match="two plugins are called 'mine'"):
        loaded.register(plugin(other=Rarity), name="mine")


def test_an_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    loaded = registered(mine=plugin(pair_rarity=Rarity, entropy=Rarity))
    with pytest.raises(
        PluginError,
        match=r"no scorer is called 'pair-rarety'; did you mean 'pair-rarity'\? known: entropy, pair-rarity",
    ):
        loaded.part("scorer", "pair-rarety")
    with pytest.raises(PluginError, match="no scorer is called 'xyz'; known: entropy, pair-rarity"):
        loaded.part("scorer", "xyz")
    with pytest.raises(PluginError, match="no weighting is called 'exp'; known: none"):
        loaded.part("weighting", "exp")


def test_an_unknown_setting_lists_the_known_ones() -> None:
    loaded = registered(mine=plugin(rarity=Rarity, bare=object))
    with pytest.raises(SettingsError, match="scorer 'rarity' has no setting 'prio'; it has: prior, mode, depth"):
        loaded.create("scorer", "rarity", {"prio": 1})


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("prior", "much", r"scorer\.prior of 'rarity': expected float, got 'much'"),
        ("mode", "bacth", r"scorer\.mode of 'rarity': expected one of batch, epoch, got 'bacth'"),
        ("depth", "1.5", r"scorer\.depth of 'rarity': expected int or none, got '1\.5'"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        registered(mine=plugin(rarity=Rarity)).create("scorer", "rarity", {setting: value})


def test_types_that_cannot_be_read_at_run_time_are_named() -> None:
    def factory(*, width: int) -> None: ...

    factory.__annotations__["width"] = "Tensor"
    with pytest.raises(PluginError, match=r"plugin 'mine', scorer 'x': name 'Tensor' is not defined; import it out"):
        registered(mine=plugin(x=factory)).create("scorer", "x", {"width": 1})


def test_a_part_may_inherit_the_settings_of_another_modules() -> None:
    """The annotations are resolved in the module of the inherited class."""

    @dataclass(frozen=True, kw_only=True)
    class Patient(LearningOrder):
        patience: int = 2

    loaded = registered(mine=plugin(patient=Patient, half=functools.partial(LearningOrder, floor=0.0)))
    part = loaded.create("scorer", "patient", {"mode": "epoch", "patience": "3"})
    assert (part.mode, part.patience) == ("epoch", 3)
    assert loaded.create("scorer", "half", {"epochs": "4"}) == LearningOrder(floor=0.0, epochs=4)
    with pytest.raises(SettingsError, match="expected one of batch, epoch, got 'both'"):
        loaded.create("scorer", "patient", {"mode": "both"})


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (Literal[1, 2], "2", 2),
        (bool, "true", True),
        (tuple[str, ...], "a,b", ("a", "b")),
        (dict[str, float], {"a": 1.0}, {"a": 1.0}),
        (str | None, "none", None),
        (int | str, "x", "x"),
        (int | str, "3", 3),
    ],
)
def test_values_are_read_as_any_type_that_a_setting_may_have(annotation: Any, text: Any, expected: Any) -> None:
    def factory(*, value: Any = None) -> Any:
        return value

    factory.__annotations__["value"] = annotation
    part = registered(mine=plugin(x=factory)).create("scorer", "x", {"value": text})
    assert (part, type(part)) == (expected, type(expected))


def test_a_misspelt_hook_is_named_and_the_plugin_left_out() -> None:
    loaded = Registry()
    with pytest.raises(PluginError, match=r"plugin 'mine': .*noise_scorer.*; the hooks are: noise_scorers, weigh"):
        loaded.register(plugin("noise_scorer", rarity=Rarity), name="mine")
    loaded.register(plugin(rarity=Rarity), name="mine")  # the name is free again
    assert list(loaded.parts("scorer")) == ["rarity"]


def test_an_answer_that_is_no_mapping_is_an_error() -> None:
    def answer() -> Any:
        return [Rarity]

    with pytest.raises(PluginError, match=r"plugin 'mine': noise_scorers\(\) must return a mapping of names, not list"):
        registered(mine=module(noise_scorers=answer)).parts("scorer")


def test_a_hook_that_fails_leaves_its_plugin_out_and_the_others_go_on() -> None:
    def answer() -> Any:
        raise RuntimeError("no\nluck")

    loaded = registered(bad=module(noise_scorers=answer), good=plugin(rarity=Rarity))
    assert list(loaded.parts("scorer")) == ["rarity"]
    assert loaded.faults == ["plugin 'bad' was left out: RuntimeError: no luck"]
    with pytest.raises(PluginError, match="known: rarity; plugin 'bad' was left out: RuntimeError: no luck"):
        loaded.part("scorer", "other")


# ------------------------------------------------- installed plugins


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Returns a function that installs one package per keyword: ``install(good={"__init__": "source"})``."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def installed(**packages: dict[str, str]) -> None:
        for name, sources in packages.items():
            folder = tmp_path / f"finecl_test_{name}"
            folder.mkdir()
            for module, source in sources.items():
                (folder / f"{module}.py").write_text(source, encoding="utf-8")
            info = tmp_path / f"finecl_test_{name}-0.5.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: finecl-test-{name}\nVersion: 0.5\n")
            (info / "entry_points.txt").write_text(f"[finecl]\n{name} = finecl_test_{name}\n")
        importlib.invalidate_caches()

    yield installed
    for name in set(sys.modules) - before:
        if name.startswith("finecl_test_"):
            del sys.modules[name]


GOOD = "from finecl import hookimpl\n@hookimpl\ndef noise_scorers():\n    return {NAME: dict}\n"


def test_an_installed_plugin_is_found_with_its_version(install: Install) -> None:
    install(good={"__init__": GOOD.replace("NAME", "'mine'")})
    part = load().part("scorer", "mine")
    assert (part.plugin, part.version) == ("good", "0.5")


def test_a_failing_import_is_named_and_the_others_go_on(install: Install) -> None:
    install(
        aa_broken={"__init__": "import no_such_library\n"},
        ab_misspelt={"__init__": GOOD.replace("noise_scorers", "noise_scorer").replace("NAME", "'x'")},
        good={"__init__": GOOD.replace("NAME", "'mine'")},
    )
    loaded = load()
    assert "mine" in loaded.parts("scorer")
    assert "learning-order" in loaded.parts("scorer")
    broken, misspelt = loaded.faults
    assert broken == "plugin 'aa_broken' was left out: ModuleNotFoundError: No module named 'no_such_library'"
    assert misspelt.startswith("plugin 'ab_misspelt' was left out: unknown hook 'noise_scorer'")
    assert all("\n" not in fault for fault in loaded.faults)


def test_only_the_plugins_of_the_variable_are_loaded(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(good={"__init__": GOOD.replace("NAME", "'mine'")}, other={"__init__": "raise SystemError\n"})
    monkeypatch.setenv("FINECL_PLUGINS", "good, formats")
    loaded = load()
    assert [p.name for p in loaded.plugins] == ["good", "formats"]
    assert list(loaded.parts("scorer")) == ["mine"]
    assert loaded.faults == []
    monkeypatch.setenv("FINECL_PLUGINS", "good,missing")
    with pytest.raises(PluginError, match=r"FINECL_PLUGINS names the plugin 'missing'; installed are: .*good"):
        load()


def test_a_submodule_called_like_a_hook_is_refused_before_it_hides_the_hook(install: Install) -> None:
    """Importing the submodule would replace the hook in the package, and the plugin would provide no parts."""
    source = GOOD.replace("return {NAME: dict}", "from finecl_test_shadow import noise_scorers\n    return {'x': dict}")
    install(shadow={"__init__": source, "noise_scorers": ""})
    for _ in range(2):  # and again, when the submodule has been imported
        loaded = load()
        (fault,) = loaded.faults
        assert fault == (
            "plugin 'shadow' was left out: its submodule 'noise_scorers' hides the hook of that name; rename it"
        )
        assert "x" not in loaded.parts("scorer")
        importlib.import_module("finecl_test_shadow.noise_scorers")


def test_every_hook_but_commands_has_a_kind_of_part() -> None:
    assert sorted(KINDS.values()) == sorted(set(hook_names()) - {"commands"})


def test_the_built_in_plugins_come_through_the_same_door() -> None:
    loaded = load()
    assert {"learning-order", "erica", "extractors", "formats"} <= {p.name for p in loaded.plugins}
    assert not loaded.faults
    for kind in KINDS:
        assert loaded.parts(kind), kind


def test_plugins_add_commands() -> None:
    heard: list[object] = []

    def commands(cli: object) -> None:
        heard.append(cli)

    registered(mine=module(commands=commands)).add_commands("the group")
    assert heard == ["the group"]
    assert registry.GROUP == "finecl"


def test_the_code_of_a_part_changes_with_the_files_of_its_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "coded_plugin"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from finecl import hookimpl\n@hookimpl\ndef formats():\n    return {'x': int}\n"
    )
    (package / "inner.py").write_text("A = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    brought = importlib.import_module("coded_plugin")
    monkeypatch.setitem(sys.modules, "coded_plugin", brought)

    def code() -> str:
        return registered(mine=brought).part("format", "x").code

    first = code()
    assert first == code()
    (package / "inner.py").write_text("A = 2\n")
    second = code()
    assert second != first
    (package / "table.csv").write_text("1,2\n")  # a file that the plugin may read
    assert code() != second
    loaded = Registry()
    loaded.register(brought, name="mine", version="1.3")
    assert loaded.part("format", "x").code != code()  # another version
