"""New plugins are written, checked, built as a wheel, installed and used; errors in plugins give one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from finecl_cli.scaffold import KINDS

from tests.end_to_end.conftest import Finecl, Small, environment

FAULTS = {
    "a list": ("return [0.0] * len(instances)", "noise must be a numpy array, got list"),
    "NaN": ("return np.full(len(instances), np.nan, dtype=np.float32)", "noise must never be NaN"),
    "a shape": ("return np.zeros((len(instances), 2), dtype=np.float32)", "noise must have the shape (1,), got (1, 2)"),
    "an error": ("raise KeyError('x')", "raised KeyError"),
}


def scaffolded(finecl: Finecl, directory: Path, name: str, kind: str) -> Path:
    result = finecl("plugins", "new", name, "--kind", kind, "--directory", directory)
    assert result.code == 0, result.err
    at = directory / f"finecl-{name}"
    assert all(Path(line).is_file() for line in result.out.splitlines())
    return at


def check(at: Path, module: str) -> subprocess.CompletedProcess[str]:
    """Runs ``finecl plugins check`` in the directory of the plugin."""
    command = [sys.executable, "-m", "finecl_cli", "plugins", "check", module]
    return subprocess.run(command, cwd=at, env=environment(), capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_own_test_and_the_check(kind: str, tmp_path: Path, finecl: Finecl) -> None:
    at = scaffolded(finecl, tmp_path, "my-part", kind)
    pytest_of_its_own = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(at)]
    variables = environment(PYTHONPATH=at)
    done = subprocess.run(pytest_of_its_own, cwd=at, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    result = check(at, "finecl_my_part")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == f"ok     {kind.removeprefix('text-')} my-part: contract checks passed\n"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_breach_of_contract_gives_one_line(fault: str, tmp_path: Path, finecl: Finecl) -> None:
    at = scaffolded(finecl, tmp_path, "broken", "scorer")
    module = at / "finecl_broken" / "__init__.py"
    lines = module.read_text().splitlines()
    body, breach = FAULTS[fault]
    where = next(n for n, line in enumerate(lines) if "confidence_EN = " in line)
    lines[where] = f"        {body}"
    module.write_text("\n".join(lines))
    result = check(at, "finecl_broken")
    assert result.returncode == 2
    assert result.stdout.startswith("FAULT  scorer broken: ")
    assert breach in result.stdout
    assert len(result.stdout.splitlines()) == 1


def test_a_module_that_fails_or_clashes_or_has_no_parts_is_named(tmp_path: Path, finecl: Finecl) -> None:
    at = scaffolded(finecl, tmp_path, "clashing", "weighting")
    module = at / "finecl_clashing" / "__init__.py"
    plain = module.read_text()
    module.write_text(plain.replace('"clashing": Clashing', '"exp": Clashing'))
    assert "the weighting 'exp' is also defined by the plugin 'learning-order'" in check(at, "finecl_clashing").stdout
    module.write_text("import nothing_of_this_name\n")
    assert "cannot be imported: ModuleNotFoundError" in check(at, "finecl_clashing").stdout
    module.write_text(plain.replace("@hookimpl\n", ""))
    assert "defines no parts; mark a hook function with @hookimpl" in check(at, "finecl_clashing").stdout
    module.write_text(plain.replace("def weightings", "def wieghtings"))
    assert "wieghtings" in check(at, "finecl_clashing").stdout
    assert "ModuleNotFoundError" in check(at, "finecl_not_there").stdout


def test_built_in_plugins_pass_the_check(finecl: Finecl) -> None:
    for name in ("learning-order", "dynamics", "erica", "cp", "mtb", "wcl", "baselines"):
        result = finecl("plugins", "check", name, "--json")
        reports = json.loads(result.out)
        assert reports, name
        assert not [finding["breach"] for finding in reports if finding["breach"]]


def test_invalid_names_and_directories_are_refused(tmp_path: Path, finecl: Finecl) -> None:
    for name in ("Bad", "two words", "-x", "a--b", "9lives", "a" * 51, "a" * 300, "class", "a\x1b[2J"):
        result = finecl("plugins", "new", "--kind", "scorer", "--directory", tmp_path, "--", name)
        assert "expected a name of at most 50 lower-case letters" in result.error_line()
        assert len(result.err) < 300
    assert list(tmp_path.iterdir()) == []
    scaffolded(finecl, tmp_path, "a" * 50, "scorer")
    scaffolded(finecl, tmp_path, "mine", "scorer")
    again = finecl("plugins", "new", "mine", "--kind", "scorer", "--directory", tmp_path)
    assert "expected a new folder, got an existing path" in again.error_line()


def test_a_new_plugin_can_be_changed_built_installed_and_used(
    small: Small, tmp_path: Path, finecl: Finecl, finecl_process: Finecl
) -> None:
    at = scaffolded(finecl, tmp_path, "later-doubt", "scorer")
    module = at / "finecl_later_doubt" / "__init__.py"
    module.write_text(module.read_text().replace("skip: int = 1", "skip: int = 0").replace("1 - conf", "2 - conf"))
    variables = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(at)]
    subprocess.run(build, check=True, capture_output=True, env=variables)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, env=variables)
    listed = json.loads(finecl_process("plugins", "--json", PYTHONPATH=site).out)
    (row,) = [part for part in listed["parts"] if part["name"] == "later-doubt"]
    assert row["settings"] == {"skip": 0}
    assert "later-doubt" in "".join(
        finecl_process("train", "--help", PYTHONPATH=site).out.split()
    )  # wrapped at hyphens
    arguments = [*small.arguments(tmp_path / "run"), "--scorer", "later-doubt", "--stop-after", "score"]
    result = finecl_process(*arguments, PYTHONPATH=site)
    assert result.code == 0, result.err
    score = json.loads((tmp_path / "run" / "metrics.json").read_text())["score"]
    assert score["scorer_settings"] == {"skip": 0}
