"""Hooks of mkdocs: pages that lie beside docs/ in the repository, links to them, and the list of all parts."""

from __future__ import annotations

import inspect
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = ("plugins/README.md", "benchmarks/README.md", "examples/README.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""Files of the repository that are pages of the site, by their path in both."""

_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages beside docs/, the files that they link to, and the list of parts."""
    for path in OUTSIDE:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for example in sorted((ROOT / "examples").glob("*.*")):
        if example.suffix in (".py", ".ipynb"):
            files.append(File.generated(config, f"examples/{example.name}", abs_src_path=str(example)))
    files.append(File.generated(config, "parts.md", content=parts_page()))
    files.append(File.generated(config, "settings.md", content=settings_page()))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Turns links within the repository into links within the site; of files that are not on it only the text stays."""
    source = page.file.src_uri
    place = source if source in OUTSIDE else f"docs/{source}"

    def link(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(place), match["target"]))
        uri = path.removeprefix("docs/")
        uri = f"{uri}/README.md" if uri in ("examples", "plugins", "benchmarks") else uri
        if files.get_file_from_path(uri) is None:
            return match["text"] if (ROOT / path).exists() else match[0]  # mkdocs warns of the others
        relative = posixpath.relpath(uri, posixpath.dirname(source) or ".")
        return f"[{match['text']}]({relative}{match['anchor'] or ''})"

    return _LINK.sub(link, markdown)


def parts_page() -> str:
    """Returns a page with all parts of the built-in plugins and their settings."""
    from finecl import registry

    loaded = registry.load()
    lines = [
        "# Parts",
        "",
        "What `finecl plugins` lists: the parts that come with finecl, with their settings.",
        "",
    ]
    for kind in registry.KINDS:
        lines += [f"## {kind.capitalize()}s", "", "| name | what it is | settings |", "|---|---|---|"]
        for name, part in loaded.parts(kind).items():
            settings = [f"`{key} = {_default(value)}`" for key, value in part.settings.items()]
            about = part.about.replace("|", "\\|")
            lines.append(f"| `{name}` | {about} | {'<br>'.join(settings)} |")
        lines.append("")
    return "\n".join(lines)


def settings_page() -> str:
    """Returns a page with all settings of runs."""
    from finecl.config.describe import settings

    about = "The keys of `--set`, as `finecl settings` lists them. Those of parts are on [parts](parts.md)."
    lines = ["# Settings", "", about, "", "| key | default | range | meaning |", "|---|---|---|---|"]
    for setting in settings():
        cells = (re.sub(r"([|*_<])", r"\\\1", cell) for cell in (setting.range, setting.meaning))
        lines.append(f"| `{setting.key}` | `{setting.default}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _default(parameter: inspect.Parameter) -> Any:
    return "required" if parameter.default is inspect.Parameter.empty else parameter.default
