"""The scored labels of a run, from Python: their table and summary, cleaned documents, and the report."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finecl.artifacts.false_negatives import FalseNegatives, read_missing
from finecl.artifacts.scores_table import Scores
from finecl.data.formats import writer
from finecl.errors import SettingsError
from finecl.labels.cleaning import Change, Cleaned, Rules, plan_changes
from finecl.labels.summary import Summary
from finecl.labels.table import label_columns, write_table
from finecl.pipeline.corpora import format_of
from finecl.types import Format, declared

if TYPE_CHECKING:
    import pandas as pd

    from finecl.pipeline.run import Run

_SHOWN = 5  # suspicious labels, and relations, of a summary
_FEWEST = 5  # labels of a relation that is listed


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

    @property
    def directory(self) -> Path:
        """The run directory, from which ``finecl.RelationExtractor.from_pretrained`` loads a trained extractor."""
        return self.run.directory

    @property
    def metrics(self) -> dict[str, Any]:
        """The numbers of the finished stages, by stage, as in metrics.json."""
        return self.run.metrics

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
        rows = []
        if self._missing:
            found, names = self._missing
            for d, h, t, r, p in zip(*(each.tolist() for each in found.columns().values()), strict=True):
                document = corpus.document(d)
                rows.append([document.title, entity_name(document, h), names[r], entity_name(document, t), p])
        table = pd.DataFrame(rows, columns=columns)
        return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)

    @cached_property
    def _missing(self) -> tuple[FalseNegatives, tuple[str, ...]] | None:
        return read_missing(self.run.directory)

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
            missing=len(self._missing[0].document) if self._missing else 0,
            relations_by_share={str(name): float(share) for name, share in worst.items()},
            suspicious=labels.head(suspicious).to_dict("records") if scores.ranked else (),
        )

    def changes(self, **rules: Any) -> list[Change]:
        """Returns the changes that the rules ask for; see ``finecl.labels.cleaning.Rules`` for the rules.

        Raises:
            SettingsError: there is no rule, or the scores hold nothing that a rule needs.
        """
        missing, names = self._missing or (None, ())
        return plan_changes(self._scores, missing, names, Rules(**rules))

    def clean(self, out: str | Path | None = None, *, to: str = "auto", **rules: Any) -> Cleaned:
        """Drops, relabels and adds labels by rules, such as ``drop=0.5``; see ``finecl.labels.cleaning.Rules``.

        Writes the documents to ``out`` if it is given, in the format ``to``, and a table of the changes beside it, as
        ``<name>.changes.csv``. By default the format is that of the silver file, or that of the ending of ``out`` if
        this is another one. Returns the cleaned documents, to iterate over once.

        Raises:
            SettingsError: there is no rule, the scores hold nothing that a rule needs, or ``out`` is the scored file.
            FormatError: the format cannot represent a document; no file is written.
        """
        corpus, settings = self.run.data.corpora.silver, self.run.spec.settings.data
        cleaned = Cleaned(documents=corpus.documents(), changes=self.changes(**rules))
        if out is None:
            return cleaned
        path, source = Path(out), Path(settings.silver) if settings.silver else None
        if source and path.resolve() == source.resolve():
            raise SettingsError(f"{path}: expected another file than the scored one; name a new file")
        registry = self.run.registry
        same = source is not None and to == "auto" and path.suffix.lower() in ("", source.suffix.lower())
        format = format_of(source, settings, registry) if source and same else writer(path, registry, to)
        cleaned.empty_documents = "drop" if declared(format, Format, "one_label") else "keep"
        has_all_documents = not settings.skip_faulty and settings.without_entities == "error"
        if source and same and has_all_documents and hasattr(format, "rewrite"):
            format.rewrite(source, cleaned.by_source(), path)
        else:
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
