"""Records of finished stages in run.json: the fingerprint of what each was made from, and a hash of each output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from finecl.artifacts.provenance import digest, fingerprint
from finecl.artifacts.run_directory import FILES, STAGES, RunDirectory
from finecl.errors import SettingsError

CARD = "README.md"  # in the directories of models; stage "report" writes it


def record_stage(files: RunDirectory, stage: str, made_from: str, seconds: float) -> None:
    """Records that a stage is finished, with a hash of each of its files."""
    record = files.record()
    done = {
        "fingerprint": made_from,
        "seconds": round(seconds, 2),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "numbers": fingerprint(files.metrics().get(stage)),
        "outputs": {str(path.relative_to(files.path)): digest(path) for path in _outputs(files, stage)},
    }
    files.write_record(record | {"stages": record.get("stages", {}) | {stage: done}})


def forget_stage(files: RunDirectory, stage: str) -> None:
    """Removes the records and numbers of a stage and of all later ones: their outputs are about to be replaced."""
    earlier = STAGES[: STAGES.index(stage)]
    record, metrics = files.record(), files.metrics()
    stages = record.get("stages", {})
    kept = {name: done for name, done in stages.items() if name in earlier}
    if kept != stages:
        files.write_record(record | {"stages": kept})
    numbers = {name: values for name, values in metrics.items() if name not in STAGES or name in earlier}
    if numbers != metrics:
        files.write_metrics(numbers)


def is_recorded(files: RunDirectory, stage: str, made_from: str) -> bool:
    """Returns whether a stage was finished with this fingerprint."""
    done = files.record().get("stages", {}).get(stage)
    return isinstance(done, Mapping) and done.get("fingerprint") == made_from


def changed_output(files: RunDirectory, stage: str) -> str | None:
    """Returns the name of an output of a finished stage that is missing or not as the stage wrote it; None if none is.

    Files that were added beside the outputs do not count.
    """
    done = files.record()["stages"][stage]
    if not done.get("outputs"):
        return files.output(stage).name
    for name, expected in done["outputs"].items():
        path = files.path / name
        if not path.is_file() or digest(path) != expected:
            return str(name)
    return None if done.get("numbers") == fingerprint(files.metrics().get(stage)) else "metrics.json"


def check_numbers(files: RunDirectory) -> None:
    """Raises SettingsError if metrics.json holds other numbers of a finished stage than the stage wrote."""
    metrics = files.metrics()
    for stage, done in files.record().get("stages", {}).items():
        if done.get("numbers") and done["numbers"] != fingerprint(metrics.get(stage)):
            raise SettingsError(
                f"{files.path / 'metrics.json'}: the numbers of '{stage}' were changed since; "
                "run `finecl train --resume` to make them again"
            )


def _outputs(files: RunDirectory, stage: str) -> Iterator[Path]:
    """Yields the files of a stage, without the model cards, which a later stage writes."""
    for name in FILES[stage]:
        path = files.path / name
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in inside if file.is_file() and file.name != CARD)
