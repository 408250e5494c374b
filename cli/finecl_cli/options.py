"""Options that several commands share, and what they mean as settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from finecl import registry as plugins
from finecl.config.resolve import presets, resolve
from finecl.config.schema import Settings
from finecl.errors import SettingsError

Command = TypeVar("Command", bound=Callable[..., Any])

# option -> setting
_SETTINGS = {
    "data": "data.name",
    "silver": "data.silver",
    "gold": "data.gold",
    "gold_train": "data.train",
    "gold_dev": "data.dev",
    "gold_test": "data.test",
    "model": "model.name",
    "method": "method",
    "scorer": "scorer_name",
    "weighting": "weighting_name",
    "objectives": "objectives",
    "compat": "compat",
    "text": "text",
    "report_to": "report_to",
    "curriculum": "finetune.curriculum",
    "seed": "seed",
    "packing": "model.packing",
    "precision": "model.precision",
    "torch_compile": "model.torch_compile",
    "gradient_checkpointing": "model.gradient_checkpointing",
    "contrast_group": "pretrain.contrast_group",
    "save_steps": "save.save_steps",
    "save_total_limit": "save.save_total_limit",
}


def settings_options(command: Command) -> Command:
    """Adds the options that say what a run is made of."""
    known = plugins.load()
    for option in reversed(_options(known)):
        command = option(command)
    return command


def _options(known: plugins.Registry) -> list[Callable[[Command], Command]]:
    def names(kind: str) -> str:
        return ", ".join(known.parts(kind))

    return [
        click.option("--scorer", metavar="NAME", help=f"Noise scorer: {names('scorer')}."),
        click.option("--weighting", metavar="NAME", help=f"Weighting: {names('weighting')}."),
        click.option("--method", metavar="NAME", help=f"Published recipe: {names('method')}.  [default: finecl]"),
        click.option(
            "--objectives",
            metavar="[W*]NAME,...",
            help=f"Contrastive losses instead of the method's, each with its coefficient: {names('objective')}.",
        ),
        click.option(
            "--text",
            type=click.Choice(("documents", "marked-sentences")),
            help="What pre-training reads, instead of what the method does.",
        ),
        click.option(
            "--data", metavar="NAME|DIR", help="'demo', or a directory with silver.*, train.*, dev.*, test.*."
        ),
        click.option("--silver", metavar="FILE", help="Silver documents, instead of those of --data."),
        click.option("--gold", metavar="FILE", help="Gold documents, to be split into train, dev and test."),
        click.option("--gold-train", metavar="FILE", help="Gold documents to fine-tune on."),
        click.option("--gold-dev", metavar="FILE", help="Gold documents to choose epoch and threshold on."),
        click.option("--gold-test", metavar="FILE", help="Gold documents to evaluate on."),
        click.option(
            "--model", metavar="NAME|DIR", help="'minilm', a hub name or a local directory (BERT, RoBERTa, ModernBERT)."
        ),
        click.option("--compat", type=click.Choice(("release",)), help="Do as the paper's released code does."),
        click.option("--preset", metavar="NAME", help=f"Settings by name: {', '.join(presets())}."),
        click.option("--config", metavar="FILE.toml", type=click.Path(path_type=Path), help="Settings from a file."),
        click.option("--set", "assignments", metavar="KEY=VALUE", multiple=True, help="One setting; repeatable."),
        click.option(
            "--curriculum",
            type=click.Choice(("none", "learning-order")),
            help="Order gold from early- to late-learned.",
        ),
        click.option("--report-to", metavar="NAME,...", help="Trackers: tensorboard, trackio, wandb, mlflow."),
        click.option("--seed", type=int, help="Seed of every draw.  [default: 42]"),
        click.option(
            "--contrast-group", metavar="N|global", help="Documents contrasted with each other.  [default: 16]"
        ),
        click.option(
            "--precision", type=click.Choice(("auto", "float32", "bf16")), help="bf16 where the hardware has it."
        ),
        click.option("--packing", type=click.Choice(("auto", "on", "off")), help="No padding reaches the encoder."),
        click.option("--torch-compile", is_flag=True, default=None, help="Compile the encoder's layers (GPUs)."),
        click.option("--gradient-checkpointing", is_flag=True, default=None, help="Less memory, a third slower."),
        click.option("--save-steps", type=int, help="Steps between two checkpoints.  [default: 500]"),
        click.option("--save-total-limit", type=int, help="Checkpoints kept of a stage.  [default: 2]"),
    ]


def settings_of(given: dict[str, Any]) -> Settings:
    """The settings that the shared options ask for."""
    overrides = {setting: given[name] for name, setting in _SETTINGS.items() if given.get(name) is not None}
    return resolve(
        preset=given.get("preset"), file=given.get("config"), assignments=given["assignments"], overrides=overrides
    )


def refuse_settings(given: dict[str, Any]) -> None:
    """Complains of settings that would have no effect, because a run goes on by its own.

    Raises:
        SettingsError: some are given.
    """
    names = [name for name, value in given.items() if value not in (None, ())]
    if names:
        options = ", ".join(f"--{'set' if name == 'assignments' else name.replace('_', '-')}" for name in names)
        raise SettingsError(f"--resume goes on by the run's own settings: leave out {options}")


def output_options(command: Command) -> Command:
    """Adds ``--json`` and ``--quiet``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print the run's numbers as JSON.")(command)
    return click.option("--quiet", is_flag=True, help="No progress on stderr.")(command)


def default_directory(settings: Settings) -> Path:
    """Where a run goes if the user does not say: named after its data, parts and seed."""
    data = Path(settings.data.silver or settings.data.name)
    parts = [data.stem, settings.method, settings.scorer_name, settings.weighting_name, f"seed{settings.seed}"]
    return Path("runs") / "-".join(part for part in parts if part)
