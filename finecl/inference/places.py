"""Where an extractor is: its directory, the directory of a run, or a repository on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from finecl.errors import ModelError
from finecl.models.extractor import CARD

_RUN, _VARIANT = "extractor", "pretrained"
_HUB = re.compile(r"[\w.-]+/[\w.-]+")


def find_extractor(name: str | Path, *, variant: str = _VARIANT, revision: str | None = None) -> Path:
    """The directory that holds ``extractor.json``.

    ``name``: what ``finecl finetune`` leaves in RUN/extractor/VARIANT, a run directory, or OWNER/NAME on the hub, whose
    snapshot of ``revision`` is downloaded or found in huggingface_hub's cache.

    Raises:
        ModelError: there is no extractor at that place, or no hub answers.
    """
    path = Path(name)
    if path.is_dir():
        for place in (path, path / _RUN / variant):
            if (place / CARD).is_file():
                return place
        there = sorted(place.parent.name for place in path.glob(f"{_RUN}/*/{CARD}"))
        hint = f"its variants are: {', '.join(there)}" if there else "run `finecl finetune` on a run first"
        raise ModelError(f"{path}: expected an extractor or a run with {_RUN}/{variant}/{CARD}, found neither; {hint}")
    if not _HUB.fullmatch(str(name)):
        raise ModelError(f"{name}: expected a directory or OWNER/NAME on the Hugging Face hub, found no directory")
    return _download(str(name), revision)


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        found = Path(snapshot_download(name, revision=revision))
    except Exception as error:  # of the network, the hub or its cache
        said = str(error).strip().splitlines()
        why = said[0] if said else type(error).__name__
        raise ModelError(f"cannot read the extractor '{name}': no such directory, and the hub says: {why}") from error
    if not (found / CARD).is_file():
        raise ModelError(f"'{name}' on the hub: expected an extractor of finecl, found no {CARD}")
    return found
