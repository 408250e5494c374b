"""The pages are correct: signatures of hooks match, examples run, and names exist in the code."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from finecl_benchmarks import readme
from finecl_cli.main import cli

from finecl import hookspecs, registry, testing
from finecl.config.schema import Settings
from finecl.registry import KINDS, Registry
from tests.end_to_end.conftest import Finecl, Small, finecl, small
from tests.helpers.documents import ROOT, WRITING_A_PLUGIN, blocks, install, write_examples

__all__ = ["finecl", "small"]  # fixtures

PROTOCOLS = ("NoiseScorer", "Weighting", "Objective", "Extractor", "Format", "Recogniser")


def _functions(body: list[ast.stmt]) -> dict[str, str]:
    """Returns the names of functions and their signatures in one line."""
    return {
        f.name: f"def {f.name}({ast.unparse(f.args)}) -> {ast.unparse(f.returns)}: ..."
        for f in body
        if isinstance(f, ast.FunctionDef) and f.returns
    }


def _protocols() -> dict[str, str]:
    module = ast.parse((ROOT / "finecl" / "types" / "protocols.py").read_text())
    classes = [node for node in module.body if isinstance(node, ast.ClassDef) and node.name in PROTOCOLS]
    assert len(classes) == len(PROTOCOLS)
    return {f"{c.name}.{name}": line for c in classes for name, line in _functions(c.body).items()}


HOOKS = _functions(ast.parse(Path(hookspecs.__file__).read_text()).body)


def _section(title: str) -> str:
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", WRITING_A_PLUGIN.read_text(), re.M | re.S)
    assert match, f"plugins/README.md has no section '{title}'"
    return match[1]


def test_the_hooks_equal_those_of_the_registry() -> None:
    assert set(HOOKS) == set(registry.hook_names()) == {*KINDS.values(), "commands"}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_section_with_its_signature_an_example_and_its_entry_point(hook: str) -> None:
    section = _section(hook)
    assert f"```python\n{HOOKS[hook]}\n```" in section
    if hook != "noise_scorers":  # the whole plugin above is its example
        assert "@hookimpl" in section
        assert "[project.entry-points.finecl]" in section


@pytest.mark.parametrize(("method", "line"), _protocols().items())
def test_every_method_of_a_protocol_is_shown_with_its_signature(method: str, line: str) -> None:
    assert line in WRITING_A_PLUGIN.read_text(), method


@pytest.mark.parametrize("path", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), WRITING_A_PLUGIN], ids=lambda p: p.name)
def test_python_in_the_pages_compiles(path: Path) -> None:
    for block in blocks(path):
        if block.language == "python":
            compile(block.text, str(path), "exec")


def test_every_check_is_named() -> None:
    named = set(re.findall(r"\bcheck_\w+", WRITING_A_PLUGIN.read_text()))
    assert named == set(testing.__all__)


def test_relative_links_exist() -> None:
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), WRITING_A_PLUGIN]:
        text = path.read_text()
        anchors = {
            re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-")
            for line in re.findall(r"^#+ (.+)$", text, re.M)
        }
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if link.startswith("#"):
                assert link[1:] in anchors, f"{path.name}: {link}"
            elif "://" not in link and not link.startswith("mailto:"):
                assert (path.parent / link.partition("#")[0]).exists(), f"{path.name}: {link}"


def test_the_page_of_methods_has_every_method() -> None:
    text = (ROOT / "docs" / "methods.md").read_text()
    missing = [name for name in registry.load().parts("method") if f"`{name}`" not in text]
    assert not missing


@pytest.mark.parametrize("page", readme.PAGES)
def test_the_generated_blocks_are_not_stale(page: str) -> None:
    text = (ROOT / page).read_text()
    assert readme.generate(text) == text, "run: python -m finecl_benchmarks.readme"


@pytest.mark.parametrize("name", ["run", "test"])
def test_the_readme_has_the_commands_that_ci_runs(name: str) -> None:
    (block,) = [block for block in blocks(ROOT / "README.md") if block.mark == f"command: {name}"]
    assert block.language == "sh"
    assert block.text.count("\n") == 1
    assert "-c constraints.txt" in block.text


def test_constraints_pin_every_required_package() -> None:
    """Checks names only, since tests may use later versions of a package."""
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [
        *project["dependencies"],
        *(name for names in project["optional-dependencies"].values() for name in names),
    ]
    names = {re.split(r"[^\w-]", name)[0].lower() for name in requirements} - {"finecl"}
    assert names <= pinned


def test_modules_and_members_named_in_the_pages_exist() -> None:
    """Checks words in backquotes that start with ``finecl.``, such as `finecl.types.Document`; file names excepted."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), WRITING_A_PLUGIN]:
        for name in re.findall(r"`(finecl(?:\.\w+)+)(?:\([^`]*\))?`", path.read_text()):
            if name.rpartition(".")[2] not in ("toml", "py"):
                assert _exists(name), f"{path.name}: there is no `{name}`"


def _exists(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for member in parts[length:]:
            if not hasattr(found, member):
                return False
            found = getattr(found, member)
        return True
    return False


def test_a_missing_module_or_member_does_not_exist() -> None:
    assert _exists("finecl.types.Document")
    assert not _exists("finecl.types.Nothing")
    assert not _exists("finecl.nothing")


def test_settings_named_in_the_pages_exist() -> None:
    """Checks words in backquotes that look like a setting of a section, such as `pretrain.max_steps`."""
    known = _flat(Settings().to_dict())
    sections = {name.partition(".")[0] for name in known if "." in name}
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for name in re.findall(r"`(\w+\.\w+)(?: ?=[^`]*)?`", path.read_text()):
            section, _, key = name.partition(".")
            if section in sections and key not in ("toml", "parquet", "json"):
                assert name in known, f"{path.name}: there is no setting `{name}`"


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        inner = isinstance(value, dict) and value
        flat |= _flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat


def test_fidelity_has_all_rows_with_the_settings_of_its_parts() -> None:
    rows = [line for line in (ROOT / "docs" / "fidelity.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 35))
    parts = [part for kind in KINDS for part in registry.load().parts(kind).values()]
    known = {f"{p.kind}.{name}" for p in parts for name in p.settings}
    known |= {f"{p.kind}.{p.name}.{name}" for p in parts for name in p.settings}
    named = re.findall(r"`((?:scorer|weighting|objective|extractor)\.[\w.-]+)", "\n".join(rows))
    assert named
    assert not set(named) - known


def test_defaults_in_the_pages_equal_those_of_the_code() -> None:
    """Checks settings written with their default, such as `pretrain.max_steps = 6000` and `scorer.floor = 0.5`."""
    defaults = _flat(Settings().to_dict())
    for part in (part for kind in KINDS for part in registry.load().parts(kind).values()):
        for name, parameter in part.settings.items():
            defaults[f"{part.kind}.{part.name}.{name}"] = parameter.default
            if part.name in ("learning-order", "exp", "bilinear"):  # the page is about FineCL's parts
                defaults[f"{part.kind}.{name}"] = parameter.default
    defaults["weighting.alpha"] = "e"
    text = (ROOT / "docs" / "fidelity.md").read_text()
    settings_in_text = re.findall(r"`([a-z][\w.-]*) = ([^`]+)`", text)
    assert len(settings_in_text) > 20
    for name, value in settings_in_text:
        assert str(defaults[name]).lower() == value, f"`{name} = {value}`"


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The example plugins of plugins/README.md, installed."""
    before = set(sys.modules)
    install(tmp_path / "site", "examples", write_examples(tmp_path / "site"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    loaded = registry.load()
    assert not loaded.faults
    cli.commands.clear()  # commands are loaded once per process
    yield loaded
    cli.commands.clear()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def test_the_examples_meet_their_contracts(examples: Registry) -> None:
    testing.check_noise_scorer(examples.part("scorer", "pair-rarity").factory, prior=2.0)
    testing.check_weighting(examples.part("weighting", "keep").factory, share=0.3)
    testing.check_objective(examples.part("objective", "relation-margin").factory)
    testing.check_extractor(examples.part("extractor", "linear").factory)
    testing.check_format(examples.part("format", "pipes").factory, suffix=".txt")


def test_the_example_format_stores_a_sentence(examples: Registry, tmp_path: Path) -> None:
    pipes = examples.create("format", "pipes", {})
    line = "curie | born in | 0 2 | 5 6 | Marie Curie was born in Warsaw .\n"
    (tmp_path / "a.txt").write_text(line)
    documents = list(pipes.read(tmp_path / "a.txt"))
    assert [entity.mentions[0].name for entity in documents[0].entities] == ["Marie Curie", "Warsaw"]
    pipes.write(documents, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text() == line
    assert pipes.recognises(tmp_path / "b.txt")


def test_the_examples_train(examples: Registry, small: Small, tmp_path: Path, finecl: Finecl) -> None:
    chosen = {"proxy__extractor": "linear", "finetune__extractor": "linear", "weighting__share": 0.4}
    options = ["--method", "finecl-margin", "--scorer", "pair-rarity", "--weighting", "keep"]
    result = finecl(*small.arguments(tmp_path / "run", **chosen), *options)
    assert result.code == 0, result.err
    result = finecl("weights", tmp_path / "run")
    assert result.code == 0
    assert re.match(r"\d\.\d{3}  \w", result.out)
    assert re.search(r"^  weights +Print the mean weight", finecl("--help").out, re.M)


def test_the_example_method_applies_its_settings(examples: Registry) -> None:
    from finecl.pipeline.run_spec import RunSpec

    spec = RunSpec.bind(Settings(method="finecl-margin"), examples)
    objective: Any = spec.objectives["relation-margin"]
    weighting: Any = spec.weighting
    assert objective.margin == 0.2
    assert weighting.alpha == 2.0


def test_the_example_of_a_test_passes(examples: Registry) -> None:
    (block,) = [b for b in blocks(WRITING_A_PLUGIN) if "def test_pair_rarity" in b.text]
    space: dict[str, Any] = {}
    exec(block.text, space)
    space["test_pair_rarity_meets_the_contract"]()
    assert importlib.import_module("finecl_pair_rarity").PairRarity().prior == 1.0
