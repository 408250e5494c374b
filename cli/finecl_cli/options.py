"""Options shared by several commands, and the settings they set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from finecl import registry as plugins
from finecl.config.resolve import presets, resolve
from finecl.config.schema import Settings
from finecl.errors import SettingsError
from finecl.models.families import FAMILIES
from finecl_cli import completion
from finecl_cli.help import grouped
from finecl_cli.logs import log_level_option

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

# Option -> setting.
_SETTINGS = {
    "data": "data.name",
    "silver": "data.silver",
    "gold": "data.gold",
    "gold_train": "data.train",
    "gold_dev": "data.dev",
    "gold_test": "data.test",
    "skip_faulty": "data.skip_faulty",
    "model": "model.name",
    "method": "method",
    "scorer": "scorer.name",
    "weighting": "weighting.name",
    "objectives": "objectives",
    "compat": "compat",
    "input_format": "input_format",
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


SettingsCommand = grouped(
    {
        "Method": ("scorer", "weighting", "method", "objectives", "input_format"),
        "Data and encoder": (
            "data", "silver", "gold", "gold_train", "gold_dev", "gold_test", "skip_faulty", "model",
        ),
        "Settings": ("compat", "preset", "config", "assignments"),
        "Training": (
            "curriculum", "report_to", "seed", "contrast_group", "precision", "packing", "torch_compile",
            "gradient_checkpointing", "save_steps", "save_total_limit",
        ),
    }
)  # fmt: skip
"""The class of commands that have ``settings_options``: their help lists these under headings."""


def settings_options(command: Command) -> Command:
    """Adds the options that set a run's method, data, model and training."""
    registry = plugins.load()
    groups = (_method_options(registry), _data_options(), _settings_file_options(), _training_options())
    for option in reversed([option for group in groups for option in group]):
        command = option(command)
    return command


def _method_options(registry: plugins.Registry) -> list[Decorator]:
    def names(kind: str) -> str:
        return ", ".join(registry.parts(kind))

    return [
        click.option(
            "--scorer",
            metavar="NAME",
            shell_complete=completion.parts("scorer"),
            help=f"Noise scorer: {names('scorer')}.  [default: the method's]",
        ),
        click.option(
            "--weighting",
            metavar="NAME",
            shell_complete=completion.parts("weighting"),
            help=f"Weighting: {names('weighting')}.  [default: the method's]",
        ),
        click.option(
            "--method",
            metavar="NAME",
            shell_complete=completion.parts("method"),
            help=f"Published method: {names('method')}.  [default: finecl]",
        ),
        click.option(
            "--objectives",
            metavar="[W*]NAME,...",
            shell_complete=completion.parts("objective"),
            help="Contrastive losses, each with its coefficient W: "
            f"{names('objective')}.  [default: the method's; W: 1]",
        ),
        click.option(
            "--input-format",
            type=click.Choice(("documents", "marked-sentences")),
            help="Input format of pre-training.  [default: the method's]",
        ),
    ]


def _data_options() -> list[Decorator]:
    return [
        click.option(
            "--data",
            metavar="NAME|DIR",
            help="'demo', or a directory with silver.*, train.*, dev.* and test.*.  [default: demo]",
        ),
        click.option("--silver", metavar="FILE", help="Silver documents.  [default: those of --data]"),
        click.option("--gold", metavar="FILE", help="Gold documents, to split into train, dev and test."),
        click.option("--gold-train", metavar="FILE", help="Gold documents for fine-tuning."),
        click.option("--gold-dev", metavar="FILE", help="Gold documents to choose the epoch and the threshold on."),
        click.option("--gold-test", metavar="FILE", help="Gold documents to evaluate on."),
        click.option("--skip-faulty", is_flag=True, default=None, help="Leave out faulty documents and labels."),
        click.option(
            "--model",
            metavar="NAME|DIR",
            help=f"Encoder: 'minilm', a hub name or a local directory. Families: {', '.join(FAMILIES)}.",
        ),
    ]


def _settings_file_options() -> list[Decorator]:
    return [
        click.option(
            "--compat", type=click.Choice(("release",)), help="Reproduce the behaviour of the paper's released code."
        ),
        click.option(
            "--preset",
            metavar="NAME",
            shell_complete=completion.preset_names,
            help=f"Predefined settings: {', '.join(presets())}.",
        ),
        click.option(
            "--config", metavar="FILE.toml", type=click.Path(path_type=Path), help="TOML file to read settings from."
        ),
        click.option(
            "--set",
            "assignments",
            metavar="KEY=VALUE",
            multiple=True,
            shell_complete=completion.assignments,
            help="Setting to override; repeatable. `finecl settings` lists all.",
        ),
    ]


def _training_options() -> list[Decorator]:
    return [
        click.option(
            "--curriculum",
            type=click.Choice(("none", "learning-order")),
            help="Order of gold documents in fine-tuning; learning-order: early-learned first.  [default: none]",
        ),
        click.option(
            "--report-to", metavar="NAME,...", help="Experiment trackers: tensorboard, trackio, wandb, mlflow."
        ),
        click.option("--seed", type=int, help="Random seed.  [default: 42]"),
        click.option(
            "--contrast-group",
            metavar="N|global",
            help="Number of documents contrasted with each other; global: the whole batch.  "
            "[default: 16, or 64 marked sentences]",
        ),
        click.option(
            "--precision",
            type=click.Choice(("auto", "float32", "bf16")),
            help="Floating-point precision; auto: bf16 if the hardware supports it.",
        ),
        click.option(
            "--packing", type=click.Choice(("auto", "on", "off")), help="Concatenate documents instead of padding them."
        ),
        click.option("--torch-compile", is_flag=True, default=None, help="Compile the encoder's layers (GPUs only)."),
        click.option(
            "--gradient-checkpointing",
            is_flag=True,
            default=None,
            help="Recompute activations in the backward pass: less memory, a third slower.",
        ),
        click.option("--save-steps", type=int, help="Number of steps between two checkpoints.  [default: 500]"),
        click.option(
            "--save-total-limit", type=int, help="Number of most recent checkpoints to keep per stage.  [default: 2]"
        ),
    ]


def settings_of(options: dict[str, Any], defaults: Mapping[str, Any] | None = None) -> Settings:
    """Resolves the values of the shared options to settings; ``defaults`` are settings that they override."""
    given = dict(defaults or {})
    preset = options.get("preset") or given.pop("preset", None)
    overrides = given | {setting: options[name] for name, setting in _SETTINGS.items() if options.get(name) is not None}
    return resolve(
        preset=preset,
        file=options.get("config"),
        assignments=options["assignments"],
        overrides=overrides,
    )


def refuse_settings(options: dict[str, Any]) -> None:
    """Refuses options that a resumed run would ignore, since it uses its own settings.

    Raises:
        SettingsError: at least one such option has a value.
    """
    used = [name for name, value in options.items() if value not in (None, ())]
    if used:
        names = ", ".join(f"--{'set' if name == 'assignments' else name.replace('_', '-')}" for name in used)
        raise SettingsError(f"--resume uses the settings of the run: leave out {names}")


def output_options(command: Command) -> Command:
    """Adds the options ``--json``, ``--quiet`` and ``--log-level``."""
    command = log_level_option(command)
    command = click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")(command)
    return click.option("--quiet", is_flag=True, help="Hide progress on stderr.")(command)


def default_directory(settings: Settings) -> Path:
    """Returns the default run directory, named after the data, method, overridden parts and seed."""
    data = Path(settings.data.silver or settings.data.name)
    names = [
        data.stem,
        settings.method,
        settings.scorer.get("name"),
        settings.weighting.get("name"),
        f"seed{settings.seed}",
    ]
    return Path("runs") / "-".join(name for name in names if name)
