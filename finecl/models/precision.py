"""Device and number format of an encoder's computations."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any

import torch

from finecl.errors import ModelError


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
        if device == "cuda" and gpus > 1:  # each process of a launcher has a GPU of its own
            device = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % gpus}"
        if device not in there:
            raise ModelError(f"model.device: expected auto or one of {', '.join(there)}, got '{device}'")
        able = torch.cuda.is_bf16_supported() if device.startswith("cuda") else _cpu_has_bf16()
        return cls(device=device, bf16=precision == "bf16" or (precision == "auto" and able))

    def pass_tokens(self, asked: int | None) -> int:
        """How many sub-words one encoder pass holds, if the settings do not say."""
        if asked is not None:
            return asked
        return 6144 if self.device == "cpu" else 32768

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which the encoder runs."""
        return torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16)


def _cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware; emulated, they are slower than float32."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
