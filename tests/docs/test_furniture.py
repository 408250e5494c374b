"""The files around the code agree with it: versions, workflows and the container call what exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import finecl
from tests.helpers.documents import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_all_files_have_the_same_version_and_licence() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"] == finecl.__version__
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "title", "message", "authors"} <= citation.keys()
    assert f"## [{finecl.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_scripts_and_extras_that_exist(path: Path) -> None:
    extras = set(PROJECT["optional-dependencies"])
    commands = [step["run"] for job in load(path)["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        for word in shlex.split(command):
            if word.startswith(("./", ".ci/", "tests/")):
                assert (ROOT / word).exists(), command
            named = re.fullmatch(r"\.\[([\w,]+)\]", word)
            assert not named or set(named[1].split(",")) <= extras, command


def test_the_workflows_run_the_check_on_all_systems_and_pythons() -> None:
    matrix = load(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["check"]["strategy"]["matrix"]
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    named = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if "Python :: 3." in text]
    assert matrix["python"] == named


def test_the_hooks_of_commits_run_the_tools_of_the_check() -> None:
    (repository,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    check = (ROOT / "check").read_text(encoding="utf-8")
    for hook in repository["hooks"]:
        module = hook["entry"].split()[2]
        assert module in ("ruff", "mypy", "finecl_benchmarks.readme")
        assert module.startswith("finecl") or f"-m {module}" in check


def test_the_templates_are_forms() -> None:
    for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")):
        form = load(path)
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= form.keys()
            assert all(item["attributes"]["label"] for item in form["body"])


def test_the_container_runs_the_command_of_the_readme() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    words = [word for line in re.findall(r"^(?:ENTRYPOINT|CMD) \[(.+)\]$", text, re.M) for word in line.split(", ")]
    command = " ".join(word.strip('"') for word in words)
    assert (ROOT / "README.md").read_text(encoding="utf-8").count(f"&& {command}\n") == 1
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for name in [word[1:] for word in ignored if word.startswith("!")]:
        assert (ROOT / name).exists(), name
    pinned = subprocess.run(["grep", "^torch==", ROOT / "constraints.txt"], capture_output=True, text=True).stdout
    assert re.fullmatch(r"torch==[\d.]+\n", pinned)
