"""Device and number format of the encoder."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any

import torch

from finecl.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Device and precision of the encoder; ``bf16`` runs its matrix products under autocast."""

    device: str = "cpu"
    bf16: bool = False

    @classmethod
    def choose(cls, precision: str, device: str) -> Precision:
        """Resolves the settings ``auto | float32 | bf16`` and ``auto | cpu | cuda[:n]`` for this hardware.

        Raises:
            ModelError: the device does not exist.
        """
        gpus = torch.cuda.device_count()
        devices = [*(["cuda", *(f"cuda:{n}" for n in range(gpus))] if gpus else []), "cpu"]
        if device == "auto":
            device = devices[0]
        if device == "cuda" and gpus > 1:  # each process of a launcher uses one GPU
            device = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % gpus}"
        if device not in devices:
            raise ModelError(f"model.device: expected auto or one of {', '.join(devices)}, got '{device}'")
        supports_bf16 = torch.cuda.is_bf16_supported() if device.startswith("cuda") else _cpu_has_bf16()
        return cls(device=device, bf16=precision == "bf16" or (precision == "auto" and supports_bf16))

    def pass_tokens(self, max_tokens: int | None) -> int:
        """Returns the maximum number of sub-words per encoder pass; None gives the default of the device."""
        if max_tokens is not None:
            return max_tokens
        return 6144 if self.device == "cpu" else 32768

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Returns the autocast context in which the encoder runs."""
        return torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16)


def _cpu_has_bf16() -> bool:
    """Returns whether the CPU multiplies bfloat16 matrices in hardware; emulated they are slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
