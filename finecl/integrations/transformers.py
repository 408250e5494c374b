"""Training dynamics from anybody's ``transformers.Trainer`` loop: the evidence that finecl's scorers read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from finecl.errors import TrainingError
from finecl.scoring.dynamics import label_dynamics
from finecl.types import Evidence, Floats, Instances
from finecl.types.evidence import Dynamics


class DynamicsCallback(TrainerCallback):  # type: ignore[misc]
    """Records, for every example and epoch, how the model judged its label on the training forward pass, before the
    update: FineCL's batch-based dynamics (Algorithm 1), and with them every scorer that reads dynamics.

    The data set needs a column ``index`` with each example's number, 0 .. N - 1, and the training arguments
    ``remove_unused_columns=False`` (drop the columns that the model does not take yourself). The model must return
    ``logits`` [B, classes] and be given ``labels`` [B], as models for sequence classification are.

    Example:
        >>> callback = DynamicsCallback(len(dataset))                                            # doctest: +SKIP
        >>> dataset = dataset.add_column("index", range(len(dataset)))                           # doctest: +SKIP
        >>> Trainer(model, args, train_dataset=dataset, callbacks=[callback]).train()            # doctest: +SKIP
        >>> noise = callback.score("area-under-margin", dataset["label"])                        # doctest: +SKIP
    """

    def __init__(self, examples: int, *, column: str = "index") -> None:
        self._examples, self._column = examples, column
        self._epochs: list[dict[str, Any]] = []
        self._index: Tensor | None = None
        self._handles: list[Any] = []

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Listens to the model's forward passes.

        Raises:
            TrainingError: the trainer would drop the column.
        """
        if args.remove_unused_columns:
            raise TrainingError(
                f"DynamicsCallback needs the column '{self._column}': expected TrainingArguments("
                "remove_unused_columns=False), got True; set it, and drop the columns that the model does not take"
            )
        model: nn.Module = given["model"]
        self._handles = [
            model.register_forward_pre_hook(self._before, with_kwargs=True),
            model.register_forward_hook(self._after, with_kwargs=True),
        ]

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """A new row of the arrays."""
        self._epochs.append(Dynamics.empty(1, self._examples).columns())

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Listens no longer."""
        for handle in self._handles:
            handle.remove()

    @property
    def evidence(self) -> Evidence:
        """What was recorded, as every scorer reads it.

        Raises:
            TrainingError: nothing was trained.
        """
        if not self._epochs:
            raise TrainingError("DynamicsCallback has recorded nothing: train first")
        names = Dynamics.empty(1, 1).columns()
        return Evidence(batch=Dynamics(**{n: np.concatenate([epoch[n] for epoch in self._epochs]) for n in names}))

    def score(self, scorer: str, labels: Any, **settings: Any) -> Floats:
        """The noise of each example [N] by the scorer of this name, its settings as keywords; higher = noisier.

        ``labels`` are the examples' classes, in the order of their numbers.
        """
        from finecl import registry

        relation, rows = np.asarray(labels, dtype=np.int64), np.arange(self._examples)
        instances = Instances(
            uid=rows.astype(np.uint64) + 1,
            document=rows,
            head=np.zeros_like(rows),
            tail=np.ones_like(rows),
            relation=relation,
            pair=rows,
            relations=tuple(str(n) for n in range(int(relation.max()) + 1)),
        )
        noise: Floats = registry.load().create("scorer", scorer, settings).score(instances, self.evidence)
        return noise

    def _before(self, module: nn.Module, args: Any, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Takes the numbers out of what the model is given."""
        self._index = given.pop(self._column, None)
        return args, given

    def _after(self, module: nn.Module, args: Any, given: Mapping[str, Any], output: Any) -> None:
        if not module.training or not self._epochs:
            return
        if self._index is None or given.get("labels") is None:
            lacking = self._column if self._index is None else "labels"
            raise TrainingError(f"DynamicsCallback: expected '{lacking}' in every batch, found none; see its docstring")
        logits = output["logits"].detach()
        labels = given["labels"].long()
        carried = torch.zeros_like(logits).scatter_(1, labels[:, None], 1.0)
        rows = torch.arange(len(labels), device=logits.device)
        for name, column in label_dynamics(logits, carried, rows, labels).items():
            self._epochs[-1][name][0, self._index.cpu().numpy()] = column.cpu().numpy()
