"""The wheel in a fresh environment without extras: every command answers with a result or one line.

It downloads some hundred megabytes, so it runs only with FINECL_WHEEL=1; FINECL_WHEEL=PYTHON names the interpreter of
an environment in which the wheel is already installed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Small, environment

ROOT = Path(__file__).parents[2]
ASKED = os.environ.get("FINECL_WHEEL", "")
pytestmark = pytest.mark.skipif(not ASKED, reason="installs everything anew: only with FINECL_WHEEL=1")
WALK = """
import click, json
from finecl_cli.main import cli

def walk(command, path):
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from walk(command.get_command(context, name), [*path, name])

print(json.dumps([" ".join(path) for path in walk(cli, [])]))
"""
SILVER, TEST = "data/silver.jsonl", "data/test.jsonl"
CALLS = {  # in the order in which they need each other's results
    "train": "train --data data --model MODEL --output-dir run QUICK",
    "score": f"score {SILVER} --model MODEL --output-dir scored --set proxy.num_train_epochs=1 --no-suggestions",
    "clean": f"clean {SILVER} cleaned.jsonl --run scored --drop 0.5",
    "pretrain": "pretrain run",
    "finetune": "finetune run",
    "evaluate": "evaluate run",
    "report": "report run --figures figures",
    "review export": "review export run labels.jsonl",
    "review import": "review import run labels.jsonl",
    "predict": f"predict run {TEST} out.parquet",
    "export": "export run model.onnx",
    "compare-orders": "compare-orders run scored",
    "data convert": f"data convert {SILVER} out.parquet",
    "data validate": f"data validate {SILVER}",
    "data stats": f"data stats {SILVER}",
    "data split": f"data split {SILVER} part.jsonl --fraction 0.5",
    "data leakage": f"data leakage {SILVER} --against {TEST}",
    "data label": f"data label {SILVER} labelled.jsonl --triples graph.tsv",
    "data corrupt": f"data corrupt {SILVER} noisy.jsonl --rate 0.5",
    "benchmark noise": "benchmark noise --data nowhere",
    "benchmark run": "benchmark run nowhere.toml",
    "benchmark show": "benchmark show demo --directory nowhere",
    "benchmark shortcuts": "benchmark shortcuts --seed x",
    "benchmark speed": "benchmark speed --part nowhere",
    "benchmark task": "benchmark task nowhere",
    "benchmark trimmed": "benchmark trimmed --rate x",
    "plugins new": "plugins new mine --kind scorer",
    "settings": "settings",
    "plugins check": "plugins check learning-order",
}
FAULTY = {  # what needs an extra says which
    "export run model.onnx": r"finecl\[onnx\]",
    "train --data data --output-dir other --model minilm": "quickstart",
    f"predict run {TEST} o.jsonl --ner spacy:en_core_web_sm": "spacy",
    f"data convert {SILVER} out.spacy": "spacy",
    f"score {SILVER} --model MODEL --output-dir other --scorer confident-learning": "cleanlab",
    "train --data data --model MODEL --output-dir other --report-to tensorboard": r"finecl\[trackers\]|accelerate",
}  # fmt: skip


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, and with nothing else that was asked for."""
    if ASKED != "1":
        return Path(ASKED)
    at = tmp_path_factory.mktemp("fresh")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(at), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = at.glob("*.whl")
    venv.create(at / "venv", with_pip=True)
    interpreter = at / "venv" / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(install, check=True)
    return interpreter


@pytest.fixture(scope="module")
def directory(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which the commands run."""
    at = tmp_path_factory.mktemp("commands")
    (at / "data").symlink_to(small.data)
    (at / "graph.tsv").write_text("Q1\tP19\tQ2\n")
    return at


def _run(python: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the interpreter without this checkout on its path."""
    variables = environment(FINECL_CACHE=directory / "cache")
    command = [str(python), "-I", *arguments]
    return subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, timeout=600)


def _finecl(python: Path, directory: Path, call: str, small: Small) -> subprocess.CompletedProcess[str]:
    """Runs a command; it must give a result, or one line and the exit code 2."""
    quick = " ".join(f"--set {key}={value}" for key, value in small.settings.items())
    words = call.replace("QUICK", quick).replace("MODEL", str(small.model)).split()
    done = _run(python, directory, "-m", "finecl_cli", *words)
    assert "Traceback" not in done.stderr, (call, done.stderr)
    assert done.returncode in (0, 2), (call, done.stderr)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("finecl: ")]
        assert len(lines) == 1, (call, done.stderr)
        assert done.stderr.rstrip().endswith(lines[0]), (call, done.stderr)
    return done


def test_the_environment_has_all_that_finecl_declares(python: Path, directory: Path) -> None:
    checked = _run(python, directory, "-m", "pip", "check")
    assert checked.returncode == 0, checked.stdout
    place = _run(python, directory, "-c", "import finecl; print(finecl.__file__)").stdout
    assert "site-packages" in place
    packages = [path.parent for path in Path(place.strip()).parents[1].glob("finecl*/__init__.py")]
    plugins = [path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")]
    assert {path.name for path in packages} == {"finecl", "finecl_cli", "finecl_benchmarks", *plugins}
    assert [path.name for path in packages if not (path / "py.typed").is_file()] == []


def test_every_command_answers_with_a_result_or_one_line(python: Path, directory: Path, small: Small) -> None:
    commands = json.loads(_run(python, directory, "-c", WALK).stdout)
    assert sorted(commands) == sorted(CALLS)
    for name, call in CALLS.items():
        assert _finecl(python, directory, f"{name} --help", small).returncode == 0, name
        done = _finecl(python, directory, call, small)
        assert (done.returncode == 0) == (not re.search(r"^export run|nowhere| x$", call)), (call, done.stderr)
    assert _finecl(python, directory, "plugins", small).returncode == 0


@pytest.mark.parametrize("call", FAULTY)
def test_a_missing_extra_is_named_in_one_line(call: str, python: Path, directory: Path, small: Small) -> None:
    done = _finecl(python, directory, call, small)
    assert done.returncode == 2, done.stdout
    assert re.search(FAULTY[call], done.stderr), done.stderr
