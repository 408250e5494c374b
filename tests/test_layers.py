"""The structure of the tree: layers, what plugins may import, sizes of packages, and what stays light when loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())
OPEN_TO_PLUGINS = {
    "finecl.hookimpl", "finecl.types", "finecl.losses", "finecl.errors", "finecl.testing",
    "finecl.text", "finecl.numerics.mixture", "finecl.numerics.stack", "finecl.artifacts.temporary",
    "finecl.artifacts.files",
}  # fmt: skip
AT_THE_ROOT = {"__init__", "errors", "hookspecs", "losses", "progress", "registry"}
PACKAGE_MODULES, MODULE_LINES, FUNCTION_LINES = 12, 250, 40
HEAVY = ("torch", "transformers", "datasets", "pyarrow", "polars", "sklearn", "scipy", "pandas", "spacy")


@dataclass(frozen=True)
class Import:
    """One name that a module imports; ``when`` is "module", "later" (in a function) or "typing"."""

    name: str
    when: str


@cache
def modules(folder: str, package: str) -> dict[str, tuple[Import, ...]]:
    """Every module of a package and what it imports."""
    found = {}
    for path in sorted((ROOT / folder / package).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = tuple(_imports(ast.parse(path.read_text()), "module"))
    return found


def _imports(node: ast.AST, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield from (Import(f"{child.module}.{alias.name}", when) for alias in child.names)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (Import(found.name, "typing") for found in _imports(child, when))
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, "later" if inside else when)


def _engine() -> dict[str, tuple[Import, ...]]:
    return modules(".", "finecl")


def _module_of(name: str) -> str | None:
    """The module of the engine that an imported name is, or is found in."""
    while name and name not in _engine():
        name = name.rpartition(".")[0]
    return name or None


def _within(name: str, packages: set[str] | tuple[str, ...] | list[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _engine_imports(module: str, *, typing: bool = False) -> set[str]:
    names = {_module_of(found.name) for found in _engine()[module] if typing or found.when != "typing"}
    return {name for name in names if name} - {module}


def _top(name: str) -> str:
    return name.partition(".")[0]


def test_the_packages_are_found() -> None:
    built_in = ("learning_order", "dynamics", "erica", "cp", "mtb", "wcl", "baselines", "extractors", "formats")
    assert {f"finecl_{name}" for name in built_in} <= set(PLUGINS)
    assert {"finecl", "finecl.types", "finecl.pipeline.stages.score"} <= set(_engine())


def test_the_layer_contracts_of_pyproject_hold() -> None:
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


def test_the_root_of_the_engine_has_six_modules() -> None:
    assert {path.stem for path in (ROOT / "finecl").glob("*.py")} == AT_THE_ROOT


def _sources() -> list[Path]:
    return [path for folder in ("finecl", "plugins", "cli", "benchmarks") for path in (ROOT / folder).rglob("*.py")]


def test_packages_modules_and_functions_are_small() -> None:
    packages = {path.parent for path in (ROOT / "finecl").rglob("*.py")} - {ROOT / "finecl"}
    crowded = [str(p) for p in packages if len([m for m in p.glob("*.py") if m.stem != "__init__"]) > PACKAGE_MODULES]
    assert not crowded
    for path in _sources():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= MODULE_LINES, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, f"{path}: {node.name}"


@pytest.mark.parametrize("module", _engine())
def test_the_engine_imports_no_plugin_and_no_terminal(module: str) -> None:
    for imported in _engine()[module]:
        excused = module == "finecl.hookspecs" and imported == Import("click", "typing")
        assert excused or _top(imported.name) not in {"rich", "click", *PLUGINS}, f"{module} imports {imported.name}"


def test_the_longest_import_path_is_short() -> None:
    """Imports for type checking do not count; the Python API (``finecl.score``) is one above the pipeline."""
    graph = {module: _engine_imports(module) for module in _engine()}

    @cache
    def length(module: str) -> int:
        return 1 + max((length(name) for name in graph[module]), default=0)

    assert max(map(length, graph)) <= 15


@pytest.mark.parametrize("module", _engine())
def test_only_the_registry_asks_plugins(module: str) -> None:
    pluggy = [found.name for found in _engine()[module] if _top(found.name) == "pluggy"]
    assert not pluggy or module in ("finecl.hookspecs", "finecl.registry")


def test_tests_are_not_part_of_the_engine() -> None:
    for module in _engine():
        assert "finecl.testing" not in _engine_imports(module), module
        assert not [found for found in _engine()[module] if _top(found.name) in ("tests", "pytest")], module


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_import_what_is_open_to_them_and_no_other_plugin(plugin: str) -> None:
    for module, imports in modules("plugins", plugin).items():
        for found in imports:
            top = _top(found.name)
            assert top not in {*PLUGINS, "finecl_cli", "finecl_benchmarks"} - {plugin}, f"{module}: {found.name}"
            if top == "finecl":
                assert _within(found.name, OPEN_TO_PLUGINS), f"{module} imports {found.name}"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugin_packages_import_heavy_libraries_in_hook_bodies(plugin: str) -> None:
    package = modules("plugins", plugin)[plugin]
    at_once = [found.name for found in package if found.when == "module"]
    assert [name for name in at_once if _top(name) not in ("finecl", "typing", "__future__", "collections")] == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_no_submodule_is_called_like_a_hook(plugin: str) -> None:
    from finecl.registry import hook_names

    within = {module.removeprefix(f"{plugin}.") for module in modules("plugins", plugin)}
    assert not within & set(hook_names())


def test_the_command_line_imports_no_plugin_and_no_mathematics() -> None:
    for module, imports in modules("cli", "finecl_cli").items():
        for found in imports:
            strangers = {*PLUGINS, "numpy", *HEAVY}
            assert _top(found.name) not in strangers, f"{module} imports {found.name}"


def test_benchmarks_find_parts_by_name_as_any_run_does() -> None:
    for module, imports in modules("benchmarks", "finecl_benchmarks").items():
        for found in imports:
            assert _top(found.name) not in {*PLUGINS, "tests"}, f"{module} imports {found.name}"


def test_there_is_no_circle_of_imports() -> None:
    """Module-level imports only: those under TYPE_CHECKING and in functions may point back."""
    graph = {
        module: {name for found in imports if found.when == "module" and (name := _module_of(found.name))} - {module}
        for module, imports in _engine().items()
    }
    # A package's submodules load the package first, but that is no circle unless the package asks for them.
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def _loaded_by(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return {_top(name) for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "code",
    [
        "import finecl",
        "import finecl.types, finecl.errors, finecl.registry, finecl.config.resolve",
        "from finecl_cli.main import run; run(['--help'])",
        "from finecl_cli.main import run; run([])",
        "from finecl_cli.main import run; run(['train', '--help'])",
        "from finecl_cli.main import run; run(['--version'])",
        "from finecl_cli.main import run; run(['evaluate', '--help'])",
        "from finecl_cli.main import run; run(['data', '--help'])",
        "from finecl_cli.main import run; run(['data', 'label', '--help'])",
        "from finecl_cli.main import run; run(['predict', '--help'])",
        "from finecl_cli.main import run; run(['export', '--help'])",
    ],
)
def test_help_is_quick_because_it_loads_nothing_heavy(code: str) -> None:
    loaded = _loaded_by(code)
    assert "finecl" in loaded
    assert not loaded & set(HEAVY)
