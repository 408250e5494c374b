"""Engines that take turns: each in a process of its own, one step at a time, so that all meet the same machine.

``python -m finecl_benchmarks.turns NAME`` is such a process: it makes the engine NAME, then answers each number on
its input with what the turn did, as a line of JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, Any


def main() -> None:
    """Makes the engine that is named and takes turns until the input ends."""
    from finecl_benchmarks.engines import engine

    turn = engine(sys.argv[1])
    print(json.dumps({"ready": sys.argv[1]}), flush=True)
    for line in sys.stdin:
        answer = turn(int(line))
        done = answer if isinstance(answer, dict) else asdict(answer)
        done["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(done), flush=True)


class Player:
    """One engine in its process."""

    def __init__(self, name: str) -> None:
        self.name = name
        command = [sys.executable, "-m", "finecl_benchmarks.turns", name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self._answer()
        except RuntimeError:
            self.leave()
            raise

    def turn(self, number: int) -> dict[str, Any]:
        """One turn, and what it did."""
        asked = self._process.stdin
        assert asked is not None
        asked.write(f"{number}\n")
        asked.flush()
        return self._answer()

    def leave(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _answer(self) -> dict[str, Any]:
        said: IO[str] | None = self._process.stdout
        assert said is not None
        for line in said:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"the engine '{self.name}' ended with exit code {self._process.wait()}")


@contextmanager
def players(names: Sequence[str]) -> Iterator[dict[str, Player]]:
    """The engines of these names, made one after the other."""
    made: dict[str, Player] = {}
    try:
        for name in names:
            made[name] = Player(name)
        yield made
    finally:
        for player in made.values():
            player.leave()


def play(names: Sequence[str], rounds: int, warm_up: int, tell: Any = None) -> dict[str, list[dict[str, Any]]]:
    """What each engine did in each round after the warm-up; a round is one turn of each."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with players(names) as made:
        for number in range(warm_up + rounds):
            for name, player in made.items():
                done = player.turn(number)
                if number >= warm_up:
                    found[name].append(done)
                if tell:
                    rate = done["tokens"] / done["seconds"]
                    tell(f"round {number + 1} of {warm_up + rounds}: {name} {rate:,.0f} tokens/s")
    return found


if __name__ == "__main__":
    main()
