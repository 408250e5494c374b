"""The stages of a run, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from finecl.artifacts.run_directory import OUTPUTS, RunDirectory
from finecl.pipeline.fingerprints import (
    evaluate_fingerprint,
    finetune_fingerprint,
    pretrain_fingerprint,
    report_fingerprint,
    score_fingerprint,
)
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.pipeline.stages.evaluate import evaluate_stage
from finecl.pipeline.stages.finetune import finetune_stage
from finecl.pipeline.stages.pretrain import pretrain_stage
from finecl.pipeline.stages.report import report_stage
from finecl.pipeline.stages.score import score
from finecl.progress import Listener


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a run: a finished stage with the same ``fingerprint`` is not run again.

    ``output`` is the file or directory that the stage leaves in the run's directory.
    """

    name: str
    output: str
    fingerprint: Callable[[RunSpec, RunData, RunDirectory], str]
    run: Callable[[RunSpec, RunData, RunDirectory, Listener], Mapping[str, Any]]


PIPELINE = (
    Stage(name="score", output=OUTPUTS["score"], fingerprint=score_fingerprint, run=score),
    Stage(name="pretrain", output=OUTPUTS["pretrain"], fingerprint=pretrain_fingerprint, run=pretrain_stage),
    Stage(name="finetune", output=OUTPUTS["finetune"], fingerprint=finetune_fingerprint, run=finetune_stage),
    Stage(name="evaluate", output=OUTPUTS["evaluate"], fingerprint=evaluate_fingerprint, run=evaluate_stage),
    Stage(name="report", output=OUTPUTS["report"], fingerprint=report_fingerprint, run=report_stage),
)
"""The stages, in the order in which they run."""
