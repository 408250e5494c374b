"""A new plugin as an installable package with a passing test: ``finecl plugins new``."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from finecl.errors import SettingsError

KINDS = ("scorer", "weighting", "objective", "extractor", "format")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(name: str, kind: str, directory: Path) -> list[Path]:
    """Writes ``directory/finecl-NAME/`` and returns its files: pyproject.toml, README.md, the module and its test.

    Raises:
        SettingsError: the name cannot be one of a part and a package, or there is something at that place already.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise SettingsError(
            f"expected a name of small letters, digits and single hyphens, as pair-rarity, got '{name}'"
        )
    at = directory / f"finecl-{name}"
    if at.exists():
        raise SettingsError(
            f"{at}: expected nothing at this place, found something; choose another name or --directory"
        )
    package = f"finecl_{name.replace('-', '_')}"
    words = {
        "name": name,
        "kind": kind,
        "package": package,
        "part": "".join(word.capitalize() for word in name.split("-")),
    }
    contents = {
        at / "pyproject.toml": _filled("pyproject.toml", words),
        at / "README.md": _filled("README.md", words),
        at / package / "__init__.py": _filled(f"{kind}.py", words),
        at / "tests" / f"test_{words['package']}.py": _filled(f"test_{kind}.py", words),
    }
    if kind == "extractor":
        contents[at / package / "model.py"] = _filled("extractor_model.py", words)
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(contents)


def _filled(template: str, words: dict[str, str]) -> str:
    text = (files("finecl_cli.scaffold") / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(words)
