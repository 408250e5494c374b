"""Gathers the full tensors of a module on the CPU and loads them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Returns full parameters and buffers by name, on the CPU; tied weights appear once."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: gathered_tensor(tensor) for name, tensor in named}


def put_tensors(tensors: Mapping[str, Tensor], module: nn.Module) -> None:
    """Loads tensors returned by ``tensors_of`` into a module."""
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            copy_into(tensor, tensors[name])


def gathered_tensor(tensor: Tensor) -> Tensor:
    """Returns a copy of a tensor on the CPU; a sharded one is gathered from all ranks."""
    full = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full.detach().to("cpu", copy=True).contiguous()


def copy_into(tensor: Tensor, value: Tensor) -> None:
    """Copies ``value`` into ``tensor`` in place; a sharded tensor takes this rank's part of it."""
    if hasattr(tensor, "full_tensor"):
        from torch.distributed.tensor import distribute_tensor

        sharded: Any = tensor
        value = distribute_tensor(value.to(tensor.device), sharded.device_mesh, sharded.placements)
    tensor.detach().copy_(value)
