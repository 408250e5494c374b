"""Scores silver labels from Python: the table of labels, its summary, cleaned documents and the report."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finecl import registry as plugins
from finecl.artifacts.files import cache_directory
from finecl.artifacts.provenance import digest, fingerprint
from finecl.artifacts.scores_table import Scores
from finecl.config.resolve import resolve
from finecl.data.formats import recognise, writer
from finecl.errors import SettingsError
from finecl.labels.cleaning import Change, Cleaned, Rules, plan_changes
from finecl.labels.summary import Summary
from finecl.labels.table import label_columns, write_table
from finecl.pipeline.run import Run
from finecl.pipeline.silver_settings import SCORER, settings_for
from finecl.progress import Listener
from finecl.scoring.false_negatives import FalseNegatives, read_missing
from finecl.types import Document

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5  # suspicious labels, and relations, of a summary
_FEWEST = 5  # labels of a relation that is listed


def score(
    data: Any,
    *,
    scorer: str = SCORER,
    output_dir: str | Path | None = None,
    settings: dict[str, Any] | None = None,
    listener: Listener | None = None,
) -> ScoredLabels:
    """Scores how likely each silver label is wrong; no gold documents are needed unless the scorer needs some.

    Takes ``data``: the path of a file in any format, a pandas DataFrame with the columns ``text``, ``head``,
    ``relation`` and ``tail``, a ``datasets.Dataset``, or documents (``finecl.Document``). ``output_dir`` is the run
    directory (default: in finecl's cache, by the data and settings, so that the same call reuses its result);
    ``settings`` override those of the preset "silver", for example ``{"model.name": "bert-base-cased"}``.

    Returns the scored labels.

    Raises:
        FormatError: the data cannot be read.
        SettingsError: a setting is unknown, or the scorer needs gold documents and there are none.

    Example:
        >>> import finecl
        >>> scored = finecl.score("labelled.jsonl")  # doctest: +SKIP
        >>> print(scored.summary())  # doctest: +SKIP
    """
    registry = plugins.load()
    path = _file_of(data, registry)
    chosen = {**settings_for(path, registry), "scorer.name": scorer, **(settings or {})}
    preset = chosen.pop("preset")
    resolved = resolve(preset=preset, overrides=chosen)
    default = cache_directory() / "runs" / fingerprint(digest(path), resolved.to_dict())
    run = Run(Path(output_dir) if output_dir else default, resolved, registry, listener)
    run.finish("score")
    return ScoredLabels(run)


def load_run(directory: str | Path) -> ScoredLabels:
    """Opens the scored labels of a run directory.

    Raises:
        SettingsError: the directory holds no run with scores.
    """
    return ScoredLabels(Run.open(Path(directory)))


class ScoredLabels:
    """The silver labels of a run with their scores."""

    def __init__(self, run: Run) -> None:
        """Opens the scores of a run whose stage "score" is finished.

        Raises:
            SettingsError: it is not.
        """
        if not run.files.scores.exists():
            raise SettingsError(f"{run.directory}: expected scores, found none; run `finecl score` first")
        self.run = run

    @cached_property
    def _scores(self) -> Scores:
        return Scores.read(self.run.files.scores)

    @cached_property
    def labels(self) -> pd.DataFrame:
        """The table of labels, the most suspicious first; see ``finecl.labels.table.label_columns`` for its columns."""
        import pandas as pd

        return pd.DataFrame(label_columns(self._scores, self.run.data.corpora.silver))

    @cached_property
    def missing(self) -> pd.DataFrame:
        """Pairs without a label for which the proxy predicts a relation, the most probable first.

        Columns: ``document``, ``head``, ``relation``, ``tail`` and ``probability`` (of the relation against
        no-relation, within 1/2..1). Empty if the proxy reads marked sentences, which hold no other pairs.
        """
        import pandas as pd

        from finecl.labels.table import entity_name

        columns, corpus = ["document", "head", "relation", "tail", "probability"], self.run.data.corpora.silver
        found, rows = self._missing, []
        for d, h, t, r, p in zip(*(each.tolist() for each in found.columns().values()), strict=True) if found else ():
            document = corpus.document(d)
            rows.append([document.title, entity_name(document, h), self._relations[r], entity_name(document, t), p])
        table = pd.DataFrame(rows, columns=columns)
        return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)

    @property
    def _relations(self) -> tuple[str, ...]:
        return self.run.data.corpora.relations

    @cached_property
    def _missing(self) -> FalseNegatives | None:
        return read_missing(self.run.directory, self._relations)

    def summary(self, suspicious: int = _SHOWN) -> Summary:
        """Returns counts, the estimated share of wrong labels, and so many of the most suspicious labels."""
        metrics, scores, labels = self.run.metrics.get("score", {}), self._scores, self.labels
        means = labels.groupby("relation")["p_wrong"].agg(["mean", "size"])
        worst = means[means["size"] >= _FEWEST]["mean"].sort_values(ascending=False, kind="stable").head(_SHOWN)
        return Summary(
            documents=len(self.run.data.corpora.silver),
            labels=len(scores.noise),
            relations=len(scores.relations),
            scorer=metrics.get("scorer"),
            wrong_share=metrics.get("wrong_share"),
            wrong_share_interval=metrics.get("wrong_share_interval"),
            source=metrics.get("wrong_share_source", "none"),
            missing=len(self._missing.document) if self._missing else 0,
            relations_by_share={str(name): float(share) for name, share in worst.items()},
            suspicious=labels.head(suspicious).to_dict("records") if scores.ranked else (),
        )

    def changes(self, **rules: Any) -> list[Change]:
        """Returns the changes that the rules ask for; see ``finecl.labels.cleaning.Rules`` for the rules.

        Raises:
            SettingsError: there is no rule, or the scores hold nothing that a rule needs.
        """
        return plan_changes(self._scores, self._missing, self._relations, Rules(**rules))

    def clean(self, out: str | Path | None = None, *, to: str = "auto", **rules: Any) -> Cleaned:
        """Drops, relabels and adds labels by rules, such as ``drop=0.5``; see ``finecl.labels.cleaning.Rules``.

        Writes the documents to ``out`` if it is given, in the format ``to``, by default that of the silver file, and a
        table of the changes beside it, as ``<name>.changes.csv``. Returns the cleaned documents, to iterate over once.

        Raises:
            SettingsError: there is no rule, or the scores hold nothing that a rule needs.
            FormatError: the format cannot represent a document; no file is written.
        """
        corpus, settings = self.run.data.corpora.silver, self.run.spec.settings.data
        cleaned = Cleaned(documents=corpus.documents(), changes=self.changes(**rules), no_relation=corpus.no_relation)
        if out is None:
            return cleaned
        path, source = Path(out), settings.silver
        same = recognise(Path(source), self.run.registry, settings.format) if source else None
        format = same if to == "auto" and same is not None else writer(path, self.run.registry, to)
        cleaned.empty_documents = "drop" if getattr(format, "one_label", False) else "keep"
        format.write(iter(cleaned), path)
        self._write_changes(cleaned, path)
        return cleaned

    def _write_changes(self, cleaned: Cleaned, path: Path) -> None:
        import pandas as pd

        columns = ["action", "document", "head", "relation", "tail", "new", "reason"]
        write_table(pd.DataFrame(cleaned.records, columns=columns), path.with_name(f"{path.stem}.changes.csv"))

    def report(self) -> Path:
        """Writes the HTML report and returns its path."""
        self.run.finish("report", only=True)
        return self.run.files.report

    def write(self, path: str | Path) -> None:
        """Writes the table of labels as CSV, JSON Lines or Parquet, by the ending of the file's name.

        Pairs without a label that may need one are written beside it, as ``<name>.missing.<ending>``.
        """
        write_table(self.labels, Path(path))
        if len(self.missing):
            write_table(self.missing, Path(path).with_suffix(f".missing{Path(path).suffix}"))

    def _repr_html_(self) -> str:
        """Shows the summary and the most suspicious labels in a notebook."""
        import html

        shown = [
            name for name in ("p_wrong", "head", "relation", "tail", "suggested", "sentence") if name in self.labels
        ]
        text = html.escape(str(self.summary(suspicious=0)))
        return f"<pre>{text}</pre>{self.labels.head(20)[shown].to_html(index=False)}"


def _file_of(data: Any, registry: plugins.Registry) -> Path:
    """Returns the path of a file that holds the data; writes it into the cache if they are in memory."""
    if isinstance(data, str | Path):
        return Path(data)
    directory = cache_directory() / "data"
    directory.mkdir(parents=True, exist_ok=True)
    if hasattr(data, "to_csv") and hasattr(data, "columns"):
        text = data.to_csv(index=False)
        path = directory / f"{fingerprint(text)}.csv"
        path.write_text(text, encoding="utf-8")
        return path
    if hasattr(data, "save_to_disk"):
        path = directory / fingerprint(data._fingerprint)
        if not path.exists():
            data.save_to_disk(str(path))
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
