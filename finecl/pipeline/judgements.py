"""Adds verdicts on silver labels to a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finecl.artifacts.locks import only_writer
from finecl.review.exchange import read_answers
from finecl.review.verdicts import Verdict, add_verdicts

if TYPE_CHECKING:
    from finecl.pipeline.corpora import Corpora
    from finecl.pipeline.run import Run


@dataclass(frozen=True, kw_only=True)
class Judgements:
    """All verdicts of a run by uid, and what was read: new verdicts, labels without one, and labels of other data."""

    verdicts: dict[int, Verdict]
    read: int
    without_verdict: int
    of_other_data: int

    def __str__(self) -> str:
        """Returns the numbers as one line."""
        skipped = f"skipped {self.without_verdict} labels without one and {self.of_other_data} of other data"
        return f"imported {self.read} verdicts; {skipped}; {len(self.verdicts)} verdicts in total"


def import_verdicts(run: Run, paths: Sequence[Path]) -> Judgements:
    """Reads verdicts (see ``finecl.review.exchange.read_answers``) and adds those on the run's labels to the run.

    Raises:
        FormatError: a file is invalid; then none is added.
    """
    known = set(run.data.dataset("silver").instances.uid.tolist())
    relations = _relation_by_name(run.data.corpora)
    imported: list[Verdict] = []
    without, foreign = 0, 0
    for path in paths:
        answers, missing = read_answers(path, relations)
        without += missing
        foreign += sum(verdict.uid not in known for verdict in answers)
        imported += [verdict for verdict in answers if verdict.uid in known]
    with only_writer(run.directory):
        run.directory.mkdir(parents=True, exist_ok=True)
        verdicts = add_verdicts(run.directory, imported)
    return Judgements(verdicts=verdicts, read=len(imported), without_verdict=without, of_other_data=foreign)


def _relation_by_name(corpora: Corpora) -> dict[str, str]:
    """Returns the relation for each spelling a verdict may use: its id or its name; also for no relation."""
    none = corpora.silver.no_relation
    relations = {corpora.names.get(r, r): r for r in corpora.relations} | {r: r for r in corpora.relations}
    return relations | {none: none, "no relation": none}
