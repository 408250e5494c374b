"""Training dynamics from any ``transformers.Trainer`` loop, as evidence for finecl's scorers."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finecl.distributed.process_group import current
from finecl.errors import TrainingError
from finecl.scoring.arrays import class_instances
from finecl.scoring.dynamics import label_dynamics
from finecl.types import Evidence, Floats
from finecl.types.evidence import Dynamics


class DynamicsCallback(TrainerCallback):  # type: ignore[misc]
    """Records how the model predicts the label of every example in every epoch.

    The values come from the training forward pass, before the update: FineCL's batch-based dynamics (Algorithm 1).
    Every scorer that reads dynamics accepts them. With several processes (DDP), the values of all processes are merged
    at the end of each epoch; an example that the sampler repeats to fill the last batch keeps its best values.

    The data set needs a column ``index`` with each example's number, 0 .. N - 1, and the training arguments need
    ``remove_unused_columns=False`` (remove the columns that the model does not take yourself). The model must take
    ``labels`` [B] and return ``logits`` [B, classes], as models for sequence classification do.

    The hooks on the model are removed when training ends. Use the callback as a context manager to remove them also
    when training is interrupted by an exception.

    Example:
        >>> dataset = dataset.add_column("index", range(len(dataset)))                           # doctest: +SKIP
        >>> with DynamicsCallback(len(dataset)) as callback:                                     # doctest: +SKIP
        ...     Trainer(model, args, train_dataset=dataset, callbacks=[callback]).train()
        >>> noise = callback.score("area-under-margin", dataset["label"])                        # doctest: +SKIP
    """

    def __init__(self, examples: int, *, column: str = "index") -> None:
        self._examples, self._column = examples, column
        self._epochs: list[dict[str, Any]] = []
        self._index: Tensor | None = None
        self._handles: list[Any] = []

    def __enter__(self) -> DynamicsCallback:
        """Returns the callback."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Removes the hooks."""
        self.close()

    def close(self) -> None:
        """Removes the hooks from the model."""
        while self._handles:
            self._handles.pop().remove()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Registers hooks on the model's forward pass.

        Raises:
            TrainingError: the trainer would drop the column.
        """
        if args.remove_unused_columns:
            raise TrainingError(
                f"DynamicsCallback needs the column '{self._column}': expected TrainingArguments("
                "remove_unused_columns=False), got True; set it, and drop the columns that the model does not take"
            )
        self.close()
        model: nn.Module = kwargs["model"]
        self._handles = [
            model.register_forward_pre_hook(self._before, with_kwargs=True),
            model.register_forward_hook(self._after, with_kwargs=True),
        ]

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Adds a row to the arrays."""
        self._epochs.append(Dynamics.empty(1, self._examples).columns())

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Merges the epoch's values of all processes: each one has recorded only the examples of its shard."""
        columns = self._epochs[-1]
        # gathered as objects: Trainer's process group may have no backend for CPU tensors
        for recorded in current().all_gather_object(columns):
            for name, values in recorded.items():
                merge = np.minimum if name == "loss" else np.maximum
                merge(columns[name], values, out=columns[name])

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Removes the hooks."""
        self.close()

    @property
    def evidence(self) -> Evidence:
        """The recorded dynamics, as every scorer reads them.

        Raises:
            TrainingError: nothing was trained.
        """
        if not self._epochs:
            raise TrainingError("DynamicsCallback has recorded nothing: train first")
        names = Dynamics.empty(1, 1).columns()
        return Evidence(batch=Dynamics(**{n: np.concatenate([epoch[n] for epoch in self._epochs]) for n in names}))

    def score(self, scorer: str, labels: Any, **settings: Any) -> Floats:
        """Returns the noise of each example [N]; higher = noisier.

        Args:
            scorer: name of the scorer.
            labels: classes of the examples, in the order of their numbers.
            settings: settings of the scorer.
        """
        from finecl import registry

        instances = class_instances(np.asarray(labels, dtype=np.int64))
        noise: Floats = registry.load().create("scorer", scorer, settings).score(instances, self.evidence)
        return noise

    def _before(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Removes the example numbers from the arguments of the model."""
        self._index = kwargs.pop(self._column, None)
        return args, kwargs

    def _after(self, module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        """Records the dynamics of a training batch."""
        if not module.training or not self._epochs:
            return
        if self._index is None or kwargs.get("labels") is None:
            missing = self._column if self._index is None else "labels"
            raise TrainingError(f"DynamicsCallback: expected '{missing}' in every batch, found none; see its docstring")
        logits = output["logits"].detach()
        labels = kwargs["labels"].long()
        labels_multi_hot = torch.zeros_like(logits).scatter_(1, labels[:, None], 1.0)
        rows = torch.arange(len(labels), device=logits.device)
        for name, column in label_dynamics(logits, labels_multi_hot, rows, labels).items():
            self._epochs[-1][name][0, self._index.cpu().numpy()] = column.cpu().numpy()
