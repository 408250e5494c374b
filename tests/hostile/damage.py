"""Seeded damage of files: truncation, emptiness, noise, flipped bits; in JSON and TOML also wrong types and sizes."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Damage = tuple[str, bytes]
"""What was done, and the damaged content."""

_WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 0.5, 10**30, -(10**30), 1e308, "", "x", "\ud800", "a\x1b[2Jb\u202e\u2028",
    [], {}, [[]], [None], {"a": {}},
)  # fmt: skip
_TOML_WRONG = (
    "-1", "1e400", "nan", "9" * 400, '"x"', "[]", "{a = 1}", "true", "[" * 2000 + "]" * 2000, '"\\u0000"', "",
)  # fmt: skip
_TOML_LINES = ("[a", "= 1", "a = ", "[[model]]", "seed.x = 1", '"" = 3', "a.b.c.d = 1")
_OTHERS = (b"PK\x03\x04", b"\x80\x04\x95", b"{}", b"[]", b"null", b"\xef\xbb\xbf{}", b"\xff\xfe")


def damages(path: Path, rng: random.Random, count: int) -> Iterator[Damage]:
    """Yields ``count`` damaged versions of a file, each kind of damage in turn."""
    content = path.read_bytes()
    kinds = list(_KINDS)
    if path.suffix in (".json", ".jsonl"):
        kinds += [_mistype, _forget, _nest, _enlarge]
    if path.suffix == ".toml":
        kinds += [_toml_value, _toml_line, _nest]
    first = rng.randrange(len(kinds))
    for number in range(count):
        kind = kinds[(first + number) % len(kinds)]
        yield kind.__name__.strip("_"), kind(content, rng)


def _empty(content: bytes, rng: random.Random) -> bytes:
    return b""


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(max(1, len(content)))]


def _flip(content: bytes, rng: random.Random) -> bytes:
    """Flips one to three bits."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)) if content else ():
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _noise(content: bytes, rng: random.Random) -> bytes:
    """Overwrites a stretch by random bytes."""
    begin = rng.randrange(max(1, len(content)))
    noise = rng.randbytes(rng.randint(1, 200))
    return content[:begin] + noise + content[begin + len(noise) :]


def _replaced(content: bytes, rng: random.Random) -> bytes:
    """Returns a file of something else."""
    return rng.choice(_OTHERS) + rng.randbytes(4)


_KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_empty, _cut, _flip, _flip, _noise, _replaced)


def _of_json(content: bytes, change: Callable[[Any], Any], rng: random.Random) -> bytes:
    """Applies a change to a JSON value, or to one of JSON lines."""
    text = content.decode()
    try:
        lines = [json.loads(text)]
    except ValueError:
        lines = [json.loads(line) for line in text.split("\n") if line.strip()]
    at = rng.randrange(len(lines)) if lines else 0
    lines = [change(copy.deepcopy(line)) if number == at else line for number, line in enumerate(lines)]
    return "\n".join(map(json.dumps, lines)).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every container with every key, outermost first."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items)[:40]:
        yield value, key
        yield from _places(inner)


def _somewhere(value: Any, rng: random.Random, change: Callable[[Any, Any], None]) -> Any:
    places = list(_places(value))
    outer = [place for place in places if place[0] is value]
    if places:
        change(*rng.choice(rng.choice((outer, places))))
    return value


def _mistype(content: bytes, rng: random.Random) -> bytes:
    def change(container: Any, key: Any) -> None:
        container[key] = rng.choice(_WRONG)

    return _of_json(content, lambda value: _somewhere(value, rng, change), rng)


def _forget(content: bytes, rng: random.Random) -> bytes:
    def change(container: Any, key: Any) -> None:
        del container[key]

    return _of_json(content, lambda value: _somewhere(value, rng, change), rng)


def _enlarge(content: bytes, rng: random.Random) -> bytes:
    """Makes a number, text or list absurdly large."""

    def change(container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, str):
            container[key] = value * 100_000
        elif isinstance(value, list):
            container[key] = value * 20_000 if len(str(value)) < 100 else value + value
        else:
            container[key] = rng.choice((2**31, 2**63, 2**64, 10**6, 10**12, -(2**63), 10**300))

    return _of_json(content, lambda value: _somewhere(value, rng, change), rng)


def _nest(content: bytes, rng: random.Random) -> bytes:
    depth = rng.choice((900, 5_000, 100_000))
    return rng.choice(((b"[" * depth + b"]" * depth), b'{"a":' * depth + b"1" + b"}" * depth))


def _toml_value(content: bytes, rng: random.Random) -> bytes:
    lines = content.decode().splitlines()
    at = rng.choice([number for number, line in enumerate(lines) if " = " in line])
    lines[at] = f"{lines[at].partition(' = ')[0]} = {rng.choice(_TOML_WRONG)}"
    return "\n".join(lines).encode()


def _toml_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.decode().splitlines()
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(_TOML_LINES))
    return "\n".join(lines).encode()
