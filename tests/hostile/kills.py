"""Kills commands at seeded moments, and compares what is left with what undisturbed commands leave."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finecl.artifacts.files import read_json
from finecl.artifacts.provenance import digest
from finecl.artifacts.run_directory import RunDirectory
from finecl.artifacts.stage_records import changed_output
from tests.end_to_end.conftest import environment, numbers

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_TIMEOUT = 120
EMPTY = "an empty folder"
_RECORDS = ("run.json", "metrics.json")
Tree = dict[str, str]
"""Hashes by relative path; timings do not count."""


@dataclass(frozen=True)
class Case:
    """A command that writes. ``base`` is copied to where it runs; ``whole`` are directories that appear at once.

    ``once``: it refuses to write where its output already is.
    """

    name: str
    arguments: tuple[str, ...]
    base: Path | None = None
    whole: tuple[str, ...] = ()
    once: bool = False


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``changes`` of the file system are counted unless it was killed by SIGKILL."""

    code: int
    err: str
    seconds: float
    changes: int | None = None
    handled: bool = True


@dataclass
class Starter:
    """Starts commands in ``area``: as forks of a server, or as processes of their own."""

    server: subprocess.Popen[str]
    area: Path
    counts: Counter[str] = field(default_factory=Counter)

    def fork(
        self, arguments: tuple[str, ...], number: int | None = None, change: int | None = None, after: float = 0.0
    ) -> Ended:
        """Runs a command to its end, or to a signal at a change of the file system, or after some seconds."""
        assert self.server.stdin is not None
        out, err = self.area.parent / "out", self.area.parent / "err"
        request = {
            "arguments": arguments, "directory": str(self.area), "out": str(out), "err": str(err),
            "variables": self._variables(), "signal": number, "change": change,
        }  # fmt: skip
        began = time.monotonic()
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        child = self.answer()["pid"]
        if number and change is None:
            _until_handled(child)
            time.sleep(after)
            with suppress(ProcessLookupError):  # it has ended before
                os.kill(child, number)
        done = self.answer()
        return Ended(done["code"], err.read_text(), time.monotonic() - began, done["changes"])

    def answer(self) -> dict[str, Any]:
        """Returns the next message of the server."""
        assert self.server.stdout is not None
        answer: dict[str, Any] = json.loads(self.server.stdout.readline())
        return answer

    def start(self, arguments: tuple[str, ...], number: int, after: float) -> Ended:
        """Starts a command as a user does, and sends it a signal after some seconds."""
        command = [sys.executable, "-m", "finecl_cli", *arguments]
        err = self.area.parent / "err"
        began = time.monotonic()
        with err.open("w") as stream:
            process = subprocess.Popen(
                command, cwd=self.area, env=environment(**self._variables()), stdout=subprocess.DEVNULL, stderr=stream,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip
        time.sleep(after)
        handled = _catches(process.pid, signal.SIGTERM)
        process.send_signal(number)
        code = process.wait(_TIMEOUT)
        return Ended(code, err.read_text(), time.monotonic() - began, None, handled)

    def _variables(self) -> dict[str, str]:
        """Returns variables that keep all files that a command may write inside the area."""
        inside = {"FINECL_CACHE": "cache", "TMPDIR": "temporary"}
        return {name: str(self.area / folder) for name, folder in inside.items()} | {"TOKENIZERS_PARALLELISM": "false"}


@contextmanager
def starter(directory: Path) -> Iterator[Starter]:
    """Starts the server of forks; it ends with the block."""
    command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(PYTHONDONTWRITEBYTECODE=1)
    )
    try:
        started = Starter(server, directory / "area")
        assert started.answer() == {"ready": True}
        yield started
    finally:
        server.communicate(timeout=_TIMEOUT)


def _until_handled(process: int) -> None:
    """Waits until a forked command has begun, which a user's kill cannot reach earlier, or has ended."""
    end = time.monotonic() + _TIMEOUT
    while time.monotonic() < end and not _catches(process, signal.SIGTERM):
        if not _runs(process):
            return
        time.sleep(0.001)


def _runs(process: int) -> bool:
    """Returns whether a process is neither gone nor dead and waited for."""
    status = _status(process)
    return bool(status) and "\nState:\tZ" not in status


def _status(process: int) -> str:
    """Returns what the system says of a process; empty if it is gone."""
    try:
        return Path(f"/proc/{process}/status").read_text()
    except OSError:
        return ""


def _catches(process: int, number: int) -> bool:
    """Returns whether a process has installed a handler of a signal: before, finecl has not begun."""
    found = re.search(r"SigCgt:\s*([0-9a-f]+)", _status(process))
    return found is not None and bool(int(found[1], 16) >> (number - 1) & 1)


def prepare(case: Case, area: Path) -> None:
    """Makes the directory in which a command runs."""
    shutil.rmtree(area, ignore_errors=True)
    if case.base:
        shutil.copytree(case.base, area)
    (area / "temporary").mkdir(parents=True)


def tree(area: Path) -> Tree:
    """Returns all files in a directory."""
    paths = sorted(path for path in area.rglob("*") if path.is_file() or (path.is_dir() and not any(path.iterdir())))
    return {str(path.relative_to(area)): _hash(path) for path in paths}


def _hash(path: Path) -> str:
    if path.is_dir() or (path.suffix == ".sha256" and not path.with_suffix("").exists()):
        return EMPTY  # the hash of a cached file is written first; without the file it counts for nothing
    content = path.read_bytes()
    if path.name == "run.json":
        stages = read_json(path).get("stages", {})
        outputs = [[name, value] for stage in stages.values() for name, value in stage["outputs"].items()]
        content = repr([list(stages), [each for each in outputs if each[0] != "report.html"]]).encode()
    elif path.name == "metrics.json":
        content = repr(numbers(read_json(path))).encode()
    elif path.parent.name == "cells" and path.suffix == ".json":
        record = read_json(path)
        content = repr([numbers(record.get(key)) for key in ("varied", "value", "metrics", "failed")]).encode()
    elif path.suffix == ".sha256":
        content = str(content.decode() == digest(path.with_suffix(""))).encode()
    elif path.suffix == ".safetensors":  # without its header, which may hold timings
        content = content[8 + int.from_bytes(content[:8], "little") :]
    elif path.suffix in (".html", ".md"):  # with timings and dates
        content = re.sub(rb"[\d.,:]+", b"#", content)
    return hashlib.sha256(content).hexdigest()


def final(found: Tree) -> Tree:
    """Returns the files of a tree that are no locks and no temporary files, without empty folders."""
    return {path: content for path, content in found.items() if content != EMPTY and not _is_aside(path)}


def _is_aside(path: str) -> bool:
    return any(part.startswith(".") or part == "checkpoints" or part.endswith(".lock") for part in Path(path).parts)


def check_left(case: Case, area: Path, before: Tree, expected: Tree) -> str:
    """Checks that each output is absent, as before, or complete; returns which of them: "nothing", "part" or "all"."""
    left = final(tree(area))
    new, groups = 0, _units(case, {*left, *before, *expected})
    for unit, paths in groups.items():
        state = {path: left[path] for path in paths if path in left}
        complete = {path: expected[path] for path in paths if path in expected}
        if state == complete:
            new += 1
        elif Path(unit).name not in _RECORDS:
            old = {path: before[path] for path in paths if path in before}
            assert state in ({}, old), (
                f"{unit}: neither absent, nor as before, nor complete: {_difference(state, complete)}"
            )
    for record in area.rglob("run.json"):
        files = RunDirectory(record.parent)
        files.metrics()
        for stage in files.record().get("stages", {}):
            assert changed_output(files, stage) is None, f"{stage} is called finished, but is not"
    return "all" if new == len(groups) else "part" if left != before else "nothing"


def _units(case: Case, paths: set[str]) -> dict[str, list[str]]:
    """Groups paths: the files of a directory that appears at once, without the cards that are added later."""
    groups: dict[str, list[str]] = {}
    for path in sorted(paths):
        inside = [name for name in case.whole if path.startswith(f"{name}/") and Path(path).name != "README.md"]
        groups.setdefault(inside[0] if inside else path, []).append(path)
    return groups


def _difference(actual: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    return sorted(path for path in {*actual, *expected} if actual.get(path) != expected.get(path))


def check_end(ended: Ended, number: int) -> None:
    """Checks the exit code and the message of a process that got a signal."""
    if ended.code == 0 or not ended.handled:  # at its end, or before its beginning
        return
    if number == signal.SIGKILL:
        assert ended.code == -number, ended
        return
    messages = [line for line in ended.err.splitlines() if line.startswith("finecl: ")]  # others tell the progress
    assert (ended.code, len(messages)) == (128 + number, 1), ended
    assert "Traceback" not in ended.err, ended


def moments(rng: random.Random, first: Ended, forks: int, starts: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields signals and moments, in random order.

    Of the forks, every third is killed at a share of the duration of ``first``, the others at a change of the file
    system; real starts are killed in their first seconds, in which modules are imported.
    """
    kinds = ["change", "change", "after"] * forks
    kinds = kinds[:forks] + ["start"] * starts
    rng.shuffle(kinds)
    turn = rng.randrange(len(SIGNALS))
    for number, kind in enumerate(kinds, start=turn):
        moment = {
            "change": rng.randint(1, first.changes or 1),
            "after": rng.uniform(0, first.seconds),
            "start": rng.choice((rng.uniform(0, 1), rng.uniform(0, 4))),
        }
        yield SIGNALS[number % len(SIGNALS)], {kind: moment[kind]}


def kill(case: Case, start: Starter, rng: random.Random, *, forks: int, starts: int, chain: int) -> None:
    """Kills a command so many times; after every ``chain`` kills it runs to its end and must give the same result.

    Raises:
        AssertionError: an output is half-written, a result differs, a file is left, or a message is not one line.
    """
    before, expected, first = _undisturbed(case, start)
    plan = list(moments(rng, first, forks, starts))
    for at in range(0, len(plan), 1 if case.once else chain):
        prepare(case, start.area)
        for number, moment in plan[at : at + (1 if case.once else chain)]:
            found = _kill(case, start, number, moment, before, expected)
        last = start.fork(case.arguments)
        assert last.code == (2 if case.once and found == "all" else 0), last.err
        left = tree(start.area)
        assert left == expected, f"after {plan[at : at + chain]}: {_difference(left, expected)}"
        start.counts["same result"] += 1


def _undisturbed(case: Case, start: Starter) -> tuple[Tree, Tree, Ended]:
    prepare(case, start.area)
    before = final(tree(start.area))
    first = start.fork(case.arguments)
    assert first.code == 0, first.err
    return before, tree(start.area), first


def _kill(case: Case, start: Starter, number: int, moment: dict[str, Any], before: Tree, expected: Tree) -> str:
    """Kills a command once, checks and counts what it left, and returns it as ``check_left`` does."""
    if "start" in moment:
        ended = start.start(case.arguments, number, moment["start"])
    else:
        ended = start.fork(case.arguments, number, **moment)
    try:
        check_end(ended, number)
        left = check_left(case, start.area, before, final(expected))
    except AssertionError as error:
        raise AssertionError(f"{case.name}, {signal.Signals(number).name} at {moment}: {error}") from None
    if ended.code == 0:
        start.counts["ended before the kill"] += 1
        return left
    start.counts["kills"] += 1
    start.counts[signal.Signals(number).name] += 1
    start.counts[f"{left} written"] += 1
    if "start" in moment:
        start.counts["real starts"] += 1
    if not ended.handled:
        start.counts["before finecl began"] += 1
    return left
