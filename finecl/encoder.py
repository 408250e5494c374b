"""A transformers model as finecl uses it: packed text in, token states and entity representations out.

Also the masked-language-modelling loss on masked positions only, and the plain Hugging Face directory that a
pre-trained encoder leaves behind.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.errors import ModelError
from finecl.types import Batch, LossSum

# Positions of the RoBERTa family start behind its padding index.
_ROBERTA = ("roberta", "xlm-roberta", "camembert")


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Where the encoder computes and in what: ``bf16`` runs its matrix products under autocast."""

    device: str = "cpu"
    bf16: bool = False

    @classmethod
    def choose(cls, precision: str, device: str) -> Precision:
        """Settings ``auto | float32 | bf16`` and ``auto | cpu | cuda[:n]`` as the hardware allows.

        Raises:
            ModelError: there is no such device.
        """
        gpus = torch.cuda.device_count()
        there = [*(["cuda", *(f"cuda:{n}" for n in range(gpus))] if gpus else []), "cpu"]
        if device == "auto":
            device = there[0]
        if device not in there:
            raise ModelError(f"model.device: expected auto or one of {', '.join(there)}, got '{device}'")
        able = torch.cuda.is_bf16_supported() if device.startswith("cuda") else _cpu_has_bf16()
        return cls(device=device, bf16=precision == "bf16" or (precision == "auto" and able))

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which the encoder runs."""
        return torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16)


def _cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware; emulated, they are slower than float32."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


class Encoder(nn.Module):
    """A masked language model of the BERT, RoBERTa or ModernBERT kind, reading packed documents.

    *Shape:* ``encoder(batch)`` gives token states [T, H]; ``entities`` gives [V, H], float32.
    """

    def __init__(self, model: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.model = model
        self.precision = precision
        self.to(precision.device)

    @property
    def hidden_size(self) -> int:
        """Width H of the states."""
        return int(self.config.hidden_size)

    @property
    def config(self) -> Any:
        """The transformers configuration."""
        return self.model.config

    @property
    def first_position(self) -> int:
        """The position id of a document's first token."""
        return int(self.config.pad_token_id) + 1 if self.config.model_type in _ROBERTA else 0

    def forward(self, batch: Batch) -> Tensor:
        """States of the tokens of a packed batch ``[T, H]``."""
        base: Any = self.model.base_model
        with self.precision.autocast():
            out = base(input_ids=batch.input_ids, position_ids=batch.position_ids, lengths=batch.lengths)
        states: Tensor = out.last_hidden_state[0]
        return states

    def entities(self, states_TH: Tensor, batch: Batch) -> Tensor:
        """Entity representations ``[V, H]``: the mean over mentions of the mean over their tokens (paper, eq. 4)."""
        with torch.autocast(states_TH.device.type, enabled=False):
            return F.embedding_bag(
                batch.member_M,
                states_TH.float(),
                batch.offset_V,
                mode="sum",
                per_sample_weights=batch.share_M,
            )

    def mlm_loss(self, states_TH: Tensor, position_I: Tensor, label_I: Tensor) -> LossSum:
        """Cross-entropy of the masked tokens, summed; the vocabulary is scored at masked positions only."""
        if not len(position_I):
            return LossSum(total=states_TH.sum() * 0.0, terms=0)
        with self.precision.autocast():
            logits = _vocabulary_logits(self.model, states_TH[position_I])
        return LossSum(total=F.cross_entropy(logits.float(), label_I, reduction="sum"), terms=len(position_I))


def _vocabulary_logits(model: Any, states: Tensor) -> Tensor:
    """Scores of the vocabulary ``[I, vocabulary]`` by the model's own language-modelling head."""
    if hasattr(model, "cls"):
        logits = model.cls(states)
    elif hasattr(model, "lm_head"):
        logits = model.lm_head(states)
    else:
        logits = model.decoder(model.head(states))
    return logits  # type: ignore[no-any-return]
