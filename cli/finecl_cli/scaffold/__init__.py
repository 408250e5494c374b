"""Templates of ``finecl plugins new``: a plugin as an installable package with a passing test."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from finecl.artifacts.files import replacing_directory
from finecl.errors import SettingsError

KINDS = ("scorer", "text-scorer", "weighting", "objective", "extractor", "format", "recogniser", "labeler")
_LONGEST = 50  # with what is put around it, less than file systems allow
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(name: str, kind: str, directory: Path) -> list[Path]:
    """Writes ``directory/finecl-NAME/`` and returns its files: pyproject.toml, README.md, the module and its test.

    Raises:
        SettingsError: the name is not valid for a part and a package, or the folder exists.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(name):
        raise SettingsError(
            f"expected a name of at most {_LONGEST} lower-case letters, digits and single hyphens, such as "
            f"pair-rarity, got '{name:.60}'"
        )
    root = directory / f"finecl-{name}"
    if root.exists():
        raise SettingsError(f"{root}: expected a new folder, got an existing path; choose another name or --directory")
    package = f"finecl_{name.replace('-', '_')}"
    variables = {
        "name": name,
        "kind": kind,
        "package": package,
        "part": "".join(word.capitalize() for word in name.split("-")),
    }
    contents = {
        "pyproject.toml": _rendered("pyproject.toml", variables),
        "README.md": _rendered("README.md", variables),
        f"{package}/__init__.py": _rendered(f"{kind}.py", variables),
        f"tests/test_{package}.py": _rendered(f"test_{kind}.py", variables),
    }
    if kind == "extractor":
        contents[f"{package}/model.py"] = _rendered("extractor_model.py", variables)
    with replacing_directory(root) as unfinished:
        for name, text in contents.items():
            (unfinished / name).parent.mkdir(exist_ok=True)
            (unfinished / name).write_text(text, encoding="utf-8")
    return [root / name for name in contents]


def _rendered(template: str, variables: dict[str, str]) -> str:
    text = (files("finecl_cli.scaffold") / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(variables)
