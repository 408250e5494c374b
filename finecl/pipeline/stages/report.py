"""Stage "report": the HTML report and the model cards."""

from __future__ import annotations

from typing import Any

from finecl.artifacts.run_directory import RunDirectory
from finecl.distributed.process_group import current
from finecl.models.card import write_cards
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.progress import Listener


def report_stage(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> dict[str, Any]:
    """Writes ``report.html`` and the model cards from what the run directory holds; there are no numbers."""
    from finecl.report.page import write_report

    if current().main:
        write_report(files.path, data.corpora.silver)
        write_cards(files.path, spec.registry)
    return {}
