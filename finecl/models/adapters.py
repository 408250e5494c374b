"""LoRA (Hu et al. 2022): low-rank adapters that are trained in place of the weights of a large encoder, by peft.

Saved encoders hold the sums of weights and adapters, so that they load without peft.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from finecl.errors import ModelError

_A, _B, _BASE = ".lora_A.default.weight", ".lora_B.default.weight", ".base_layer."


def add_adapters(base: Any, rank: int) -> None:
    """Adds adapters of this rank to every linear layer of a transformers model; the scale is that of alpha = 2 rank.

    Raises:
        ModelError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise ModelError("model.lora_rank needs peft: pip install 'finecl[lora]'") from None
    layers = [name for name, module in base.named_modules() if isinstance(module, nn.Linear)]
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers), base)


def is_adapter(name: str) -> bool:
    """Returns whether a parameter of this name belongs to an adapter."""
    return ".lora_" in name


def merged(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors of a model without adapters that computes the same; ``tensors`` are those with adapters."""
    modules = dict(model.named_modules())
    result = {name.replace(_BASE, "."): tensor for name, tensor in tensors.items() if not is_adapter(name)}
    for name, tensor in tensors.items():
        if name.endswith(_A):
            layer = name.removesuffix(_A)
            module: Any = modules[layer]
            weight = result[f"{layer}.weight"]
            change = module.scaling["default"] * (tensors[f"{layer}{_B}"].float() @ tensor.float())
            result[f"{layer}.weight"] = (weight.float() + change).to(weight.dtype)
    return result
