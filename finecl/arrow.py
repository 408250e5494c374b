"""Tables on disk as memory-mapped Arrow, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any


def write_arrow(path: Path, chunks: Callable[[], Iterable[Mapping[str, Any]]], features: Mapping[str, Any]) -> Any:
    """The memory-mapped ``datasets.Dataset`` at ``path``; written from ``chunks()`` first, if it is not there.

    ``features`` are those of ``datasets.Features``; a chunk holds one list for each of them.
    """
    import datasets
    from datasets.arrow_writer import ArrowWriter

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with ArrowWriter(features=datasets.Features(features), path=str(unfinished)) as writer:
                for chunk in chunks():
                    writer.write_batch(dict(chunk))
                writer.finalize()
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return datasets.Dataset.from_file(str(path))
