"""Tokenizers without cls and sep, mask or pad tokens: used where they suffice, and one line where they do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Finecl, Small, environment
from tests.helpers import tiny
from tests.helpers.cases import case


def spoiled(small: Small, to: Path, family: str, drop: tuple[str, ...], renamed: dict[str, str] | None = None) -> Small:
    """Writes a tiny model whose tokenizer lacks some special tokens, or has them under other names."""
    from dataclasses import replace

    model = tiny.save_model(to / family, family, max_position_embeddings=514 if family == "roberta" else 512)
    path = model / "tokenizer_config.json"
    config = json.loads(path.read_text())
    for old, new in (renamed or {}).items():
        config[new] = config[old]
    for name in (*drop, *(renamed or {})):
        config.pop(name, None)
    path.write_text(json.dumps(config))
    (model / "special_tokens_map.json").unlink(missing_ok=True)
    return replace(small, model=model)


RENAMED = {"cls_token": "bos_token", "sep_token": "eos_token"}


@pytest.mark.parametrize(
    ("family", "drop", "renamed", "method"),
    [
        ("modernbert", (), RENAMED, "finecl"),
        ("roberta", ("mask_token",), RENAMED, "none"),
        ("bert", ("mask_token", "pad_token"), {}, "none"),
        ("bert", ("cls_token", "sep_token"), {}, "erica"),
        ("roberta", ("cls_token",), {}, "finecl"),
    ],
)
def test_bos_and_eos_serve_and_mask_and_pad_may_be_missing(
    tmp_path: Path,
    small: Small,
    finecl: Finecl,
    family: str,
    drop: tuple[str, ...],
    renamed: dict[str, str],
    method: str,
) -> None:
    other = spoiled(small, tmp_path, family, drop, renamed)
    result = finecl(*other.arguments(tmp_path / "run", method=method, proxy__num_train_epochs=1))
    assert result.code == 0, result.err
    out = tmp_path / "out.jsonl"
    result = finecl("predict", tmp_path / "run", small.data / "test.jsonl", out, "--quiet", "--threshold", 0)
    assert result.code == 0, result.err
    assert out.read_text()


def test_masking_without_a_mask_token_is_one_line(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    nomask = spoiled(small, tmp_path / "a", "bert", ("mask_token",))
    line = finecl(*nomask.arguments(tmp_path / "run", method="mlm")).error_line()
    assert line.startswith("masking needs a mask token, and the tokenizer has none; choose a method")
    line = finecl(*nomask.arguments(tmp_path / "run2", proxy__mentions="blank")).error_line()
    assert "masking needs a mask token" in line


def test_the_case_of_special_tokens(tmp_path: Path, finecl: Finecl) -> None:
    at = case("10-special-tokens", tmp_path)
    made = [sys.executable, "make.py"]
    subprocess.run(made, cwd=at, env=environment(), check=True, capture_output=True, timeout=120)
    common = (
        "--data",
        at / "data",
        "--quiet",
        "--set",
        "finetune.num_train_epochs=1",
        "--set",
        "proxy.num_train_epochs=1",
    )
    result = finecl("train", *common, "--model", at / "boseos", "--method", "none", "--output-dir", tmp_path / "r1")
    assert result.code == 0, result.err
    steps = ("--set", "pretrain.max_steps=1", "--set", "pretrain.warmup_steps=0")
    result = finecl(
        "train", *common, *steps, "--model", at / "nomask", "--method", "mlm", "--output-dir", tmp_path / "r2"
    )
    assert "masking needs a mask token" in result.error_line()
