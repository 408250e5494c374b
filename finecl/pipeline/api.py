"""finecl from Python: score silver labels, train on them, and open runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.artifacts.files import cache_directory, replacing_directory, write_text
from finecl.artifacts.provenance import digest, fingerprint
from finecl.config.resolve import resolve
from finecl.config.schema import DataSettings
from finecl.data.validate import scanned
from finecl.errors import SettingsError
from finecl.pipeline.corpora import format_of
from finecl.pipeline.run import Run
from finecl.pipeline.scored_labels import ScoredLabels
from finecl.progress import Listener, ProgressBars
from finecl.types import Document

PRESET = "silver"
SCORER = "area-under-margin"
"""Scorer without gold documents, if none is named: of those that need silver labels only, the best on Wiki80."""
_LOOKED_AT = 200  # documents


def score(
    data: Any,
    *,
    scorer: str = SCORER,
    output_dir: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> ScoredLabels:
    """Scores how likely each silver label is wrong; needs no gold documents unless the scorer does.

    Takes ``data``: the path of a file in any format, a pandas DataFrame with the columns ``text``, ``head``,
    ``relation`` and ``tail``, a ``datasets.Dataset``, or documents (``finecl.Document``). ``output_dir`` is the run
    directory (default: in finecl's cache, by the data and settings, so that the same call reuses its result).
    ``settings`` override those of the preset "silver", for example ``{"model.name": "bert-base-cased"}``. ``listener``
    receives the progress (default: progress bars; ``finecl.progress.Listener()`` is silent).

    Returns the scored labels.

    Raises:
        FormatError: the data cannot be read.
        SettingsError: a setting is unknown, or the scorer needs gold documents and there are none.

    Example:
        >>> import finecl
        >>> scored = finecl.score("labelled.jsonl")  # doctest: +SKIP
        >>> print(scored.summary())  # doctest: +SKIP
    """
    run = _run(data, None, {"scorer.name": scorer, **(settings or {})}, output_dir, listener)
    run.finish("score")
    return ScoredLabels(run)


def train(
    silver: Any,
    *,
    gold: Any = None,
    output_dir: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> ScoredLabels:
    """Scores silver labels, pre-trains an encoder on them, fine-tunes an extractor, and evaluates it if gold is given.

    Takes ``silver`` and ``gold``, each as ``data`` of ``score``; gold documents are split into train, dev and test.
    Without gold the extractor is fine-tuned on silver labels (setting ``finetune.silver``) and not evaluated.
    ``settings`` override those of the preset "silver"; the method is FineCL unless they name another.

    Returns the scored labels; their ``metrics`` hold the results, their ``directory`` the extractor.

    Raises:
        FormatError, SettingsError: as for ``score``.
    """
    run = _run(silver, gold, dict(settings or {}), output_dir, listener)
    run.finish()
    return ScoredLabels(run)


def load_run(directory: str | Path) -> ScoredLabels:
    """Opens the scored labels of a run directory.

    Raises:
        SettingsError: the directory holds no run with scores.
    """
    return ScoredLabels(Run.open(Path(directory)))


def settings_for(data: DataSettings, registry: plugins.Registry) -> dict[str, Any]:
    """Returns settings of parts that fit the silver documents, which the user's override.

    If each of the first documents is one sentence with one labelled pair, marked sentences are read; else documents.

    Raises:
        FormatError: no format recognises the file.
    """
    path = Path(str(data.silver))
    first = islice(scanned(path, format_of(path, data, registry)), _LOOKED_AT)
    documents = [each for _, each in first if isinstance(each, Document)]  # faults are named when all is read
    return dict(_SENTENCES if documents and all(map(_is_sentence, documents)) else _DOCUMENTS)


_SENTENCES: Mapping[str, Any] = {
    "proxy.extractor": "markers",
    "finetune.extractor": "markers",
    "input_format": "marked-sentences",
}
_DOCUMENTS: Mapping[str, Any] = {"proxy.extractor": "bilinear", "finetune.extractor": "concat"}


def _is_sentence(document: Document) -> bool:
    pairs = {(label.head, label.tail) for label in document.labels}
    return len(document.sentences) == 1 and len(document.entities) == 2 and len(pairs) == 1


def _run(
    silver: Any, gold: Any, settings: Mapping[str, Any], output_dir: str | Path | None, listener: Listener | None
) -> Run:
    registry = plugins.load()
    files = [_file_of(data, registry) for data in (silver, gold) if data is not None]
    chosen = {"data.silver": str(files[0]), **({"data.gold": str(files[1])} if gold is not None else {}), **settings}
    fitting = settings_for(resolve(preset=PRESET, overrides=chosen).data, registry)
    resolved = resolve(preset=PRESET, overrides={**fitting, **chosen})
    default = cache_directory() / "runs" / fingerprint([digest(file) for file in files], resolved.to_dict())
    return Run(Path(output_dir) if output_dir else default, resolved, registry, listener or ProgressBars())


def _file_of(data: Any, registry: plugins.Registry) -> Path:
    """Returns the path of a file that holds the data; writes it into the cache if they are in memory."""
    if isinstance(data, str | Path):
        return Path(data)
    directory = cache_directory() / "data"
    directory.mkdir(parents=True, exist_ok=True)
    if hasattr(data, "to_csv") and hasattr(data, "columns"):
        text = data.to_csv(index=False)
        path = directory / f"{fingerprint(text)}.csv"
        write_text(path, text)
        return path
    if hasattr(data, "save_to_disk"):
        path = directory / fingerprint(data._fingerprint)
        if not path.exists():
            with replacing_directory(path) as unfinished:
                data.save_to_disk(str(unfinished))
        return path
    if isinstance(data, Iterable):
        documents = list(data)
        if documents and all(isinstance(each, Document) for each in documents):
            path = directory / f"{fingerprint([repr(each) for each in documents])}.jsonl"
            registry.create("format", "jsonl", {}).write(documents, path)
            return path
    raise SettingsError(
        f"data: expected a path, a DataFrame, a datasets.Dataset or finecl.Documents, got {type(data).__name__}"
    )
