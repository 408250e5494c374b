"""Names of the stages of a run and of the files that each leaves in the run's directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from finecl.artifacts.files import read_json, write_json, write_sealed_json
from finecl.artifacts.outside import Names, Number, Text, check_record

OUTPUTS: Mapping[str, str] = {
    "score": "scores.parquet",
    "pretrain": "encoder",
    "finetune": "extractor",
    "evaluate": "predictions",
    "report": "report.html",
}
"""The output of each stage, in the order in which stages run."""
STAGES = tuple(OUTPUTS)

PRETRAINED, EQUAL_WEIGHTS, PLAIN = "pretrained", "equal-weights", "plain"
"""Extractors of a run: on the pre-trained encoder, on the one pre-trained with equal weights, on the plain encoder."""

FILES: Mapping[str, tuple[str, ...]] = {
    **{stage: (output,) for stage, output in OUTPUTS.items()},
    "score": (OUTPUTS["score"], "scorers.parquet", "neighbours.parquet", "false_negatives.parquet"),
    "pretrain": (OUTPUTS["pretrain"], f"encoder-{EQUAL_WEIGHTS}"),
}
"""All files and directories that each stage may leave."""


class StageRecord(TypedDict):
    """Of a finished stage: what it was made from, and the hashes of its outputs and numbers."""

    fingerprint: Text
    seconds: NotRequired[Number]
    finished: NotRequired[Text]
    outputs: NotRequired[dict[Text, Text]]
    numbers: NotRequired[Text]


class RunRecord(TypedDict):
    """Content of ``run.json``; other keys are only shown."""

    name: NotRequired[Text]
    settings: NotRequired[dict[Text, Any]]
    method: NotRequired[dict[Text, Text | None]]
    data: NotRequired[dict[Text, dict[Text, Any]]]
    relations: NotRequired[Names]
    notes: NotRequired[list[Text]]
    versions: NotRequired[dict[Text, Text]]
    machine: NotRequired[dict[Text, Any]]
    stages: NotRequired[dict[Text, StageRecord]]


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run."""

    path: Path

    def output(self, stage: str) -> Path:
        """Returns the path of a stage's output."""
        return self.path / OUTPUTS[stage]

    @property
    def scores(self) -> Path:
        """Noise, weight and dynamics of every silver instance."""
        return self.output("score")

    @property
    def scorers(self) -> Path:
        """Noise by the other registered scorers."""
        return self.path / "scorers.parquet"

    @property
    def neighbours(self) -> Path:
        """Nearest labels of the noisiest labels."""
        return self.path / "neighbours.parquet"

    @property
    def encoder(self) -> Path:
        """The pre-trained encoder, a Hugging Face directory."""
        return self.output("pretrain")

    @property
    def baseline(self) -> Path:
        """The encoder that was pre-trained with equal weights, if the settings ask for one."""
        return self.path / f"encoder-{EQUAL_WEIGHTS}"

    def extractor(self, variant: str) -> Path:
        """Returns the directory of a variant of the extractor."""
        return self.output("finetune") / variant

    def predictions(self, variant: str) -> Path:
        """Returns the predicted facts on test of a variant, a result.json of DocRED."""
        return self.output("evaluate") / f"{variant}.json"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.output("report")

    @property
    def offending(self) -> Path:
        """The instances of the batch whose loss was not a number."""
        return self.path / "offending-uids.json"

    def checkpoints(self, stage: str) -> Path:
        """Returns the directory of a stage's checkpoints."""
        return self.path / "checkpoints" / stage.replace(" ", "-")

    def record(self) -> dict[str, Any]:
        """Returns run.json: settings, versions, data, and the fingerprints of finished stages; empty before a run."""
        return self._checked("run.json", RunRecord)

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Writes run.json."""
        write_sealed_json(self.path / "run.json", record)

    def metrics(self) -> dict[str, Any]:
        """Returns metrics.json: the results of finished stages; empty before the first."""
        return self._checked("metrics.json", dict[Text, dict[Text, Any]])

    def _checked(self, name: str, schema: Any) -> dict[str, Any]:
        record = read_json(self.path / name)
        check_record(record, schema, str(self.path / name), fix="restore it, or choose another directory")
        return record

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Writes metrics.json."""
        write_json(self.path / "metrics.json", metrics)
