"""Interleaved measurement: engines run in separate processes, one step at a time in turn, under the same machine load.

``python -m finecl_benchmarks.interleaved NAME`` is the process of one engine: it creates the engine NAME, reads step
numbers from stdin and answers each with the measurements of that step, as one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, Any


def main() -> None:
    """Creates the engine named on the command line and runs steps until stdin ends."""
    from finecl.artifacts.provenance import peak_memory
    from finecl_benchmarks.engines import engine

    step = engine(sys.argv[1])
    print(json.dumps({"ready": sys.argv[1]}), flush=True)
    for line in sys.stdin:
        timing = step(int(line))
        measured = timing if isinstance(timing, dict) else asdict(timing)
        measured["peak_bytes"] = peak_memory()
        print(json.dumps(measured), flush=True)


class Worker:
    """One engine in its own process.

    Raises:
        RuntimeError: the engine cannot be created.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        command = [sys.executable, "-m", "finecl_benchmarks.interleaved", name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self._read_answer()
        except RuntimeError:
            self.stop()
            raise

    def step(self, number: int) -> dict[str, Any]:
        """Runs one step and returns its measurements."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(f"{number}\n")
        stdin.flush()
        return self._read_answer()

    def stop(self) -> None:
        """Kills the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read_answer(self) -> dict[str, Any]:
        """Reads the next line of JSON; skips other output of libraries."""
        stdout: IO[str] | None = self._process.stdout
        assert stdout is not None
        for line in stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"the engine '{self.name}' ended with exit code {self._process.wait()}")


@contextmanager
def start_workers(names: Sequence[str]) -> Iterator[dict[str, Worker]]:
    """Starts one worker per engine name, one after the other, and stops them at the end of the block."""
    workers: dict[str, Worker] = {}
    try:
        for name in names:
            workers[name] = Worker(name)
        yield workers
    finally:
        for worker in workers.values():
            worker.stop()


def run_interleaved(
    names: Sequence[str], rounds: int, warm_up: int, log: Callable[[str], None] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Runs rounds of one step per engine; returns the measurements of each engine, without the warm-up rounds."""
    steps: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with start_workers(names) as workers:
        for number in range(warm_up + rounds):
            for name, worker in workers.items():
                measured = worker.step(number)
                if number >= warm_up:
                    steps[name].append(measured)
                if log:
                    rate = measured["tokens"] / measured["seconds"]
                    log(f"round {number + 1} of {warm_up + rounds}: {name} {rate:,.0f} tokens/s")
    return steps


if __name__ == "__main__":
    main()
