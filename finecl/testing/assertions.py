"""Assertions of the contract checks, and comparisons of results."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from finecl.config.coerce import parameters
from finecl.types import LossSum, Pairs


def require(holds: Any, breach: str) -> None:
    """Raises ``AssertionError(breach)`` unless the condition holds."""
    if not holds:
        raise AssertionError(breach)


def require_valid_settings(factory: Callable[..., Any], positional: int = 0) -> str:
    """Requires keyword-only settings with defaults that JSON can hold; returns the factory's name."""
    name = getattr(factory, "__name__", type(factory).__name__)
    try:
        settings = parameters(factory)
    except NameError as error:
        raise AssertionError(f"{name}: the types of its settings must be readable at run time: {error}") from None
    for parameter in settings[positional:]:
        keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        require(keyword, f"{name}: the setting '{parameter.name}' must be keyword-only")
        try:
            json.dumps(parameter.default)
        except TypeError:
            what = "no default" if parameter.default is inspect.Parameter.empty else repr(parameter.default)
            breach = f"{name}: the setting '{parameter.name}' must have a default that JSON can hold, got {what}"
            raise AssertionError(breach) from None
    return name


def run_twice(name: str, arguments: Any, call: Callable[[], Any]) -> Any:
    """Requires that a call leaves its input unchanged and returns the same twice; returns the result."""
    before = copy.deepcopy(arguments)
    first = copy.deepcopy(call())
    require(same(before, arguments), f"{name}: the input must not be modified")
    require(same(first, call()), f"{name}: the same input must give the same output")
    return first


def require_column(name: str, what: str, array: Any, count: int) -> None:
    """Requires a float32 array of the shape ``(count,)``."""
    require(isinstance(array, np.ndarray), f"{name}: {what} must be a numpy array, got {type(array).__name__}")
    require(array.shape == (count,), f"{name}: {what} must have the shape ({count},), got {array.shape}")
    require(array.dtype == np.float32, f"{name}: {what} must be float32, got {array.dtype}")


def require_matrix(name: str, what: str, matrix: Any, shape: tuple[int, int]) -> None:
    """Requires a tensor of finite numbers of this shape."""
    require(isinstance(matrix, Tensor), f"{name}: {what} must be a tensor, got {type(matrix).__name__}")
    require(tuple(matrix.shape) == shape, f"{name}: {what} must have the shape {shape}, got {tuple(matrix.shape)}")
    require(matrix.is_floating_point() and torch.isfinite(matrix).all(), f"{name}: {what} must be finite numbers")


def require_valid_pairs(name: str, pairs: Any, anchors: int, candidates: int) -> None:
    """Requires int64 rows of candidates for each anchor, padded with -1, each candidate once."""
    require(isinstance(pairs, Pairs), f"{name}: pairs() must return Pairs, got {type(pairs).__name__}")
    for rows, what in ((pairs.positive_AP, "positive_AP"), (pairs.negative_AK, "negative_AK")):
        require(
            rows.ndim == 2 and len(rows) == anchors, f"{name}: {what} must have a row for each of {anchors} anchors"
        )
        require(rows.dtype == np.int64, f"{name}: {what} must be int64, got {rows.dtype}")
        within = ((rows >= -1) & (rows < candidates)).all()
        require(within, f"{name}: {what} must hold numbers of the {candidates} candidates, or -1")
        repeated = any(len(set(row)) < len(row) for row in ([n for n in row if n >= 0] for row in rows.tolist()))
        require(not repeated, f"{name}: {what} must name a candidate once an anchor")


def require_loss_sum(name: str, loss: Any) -> LossSum:
    """Requires a finite float32 scalar; returns it without its graph."""
    require(isinstance(loss, LossSum), f"{name}: loss() must return a LossSum, got {type(loss).__name__}")
    total = loss.total
    require(isinstance(total, Tensor) and total.ndim == 0, f"{name}: the loss must be a tensor without dimensions")
    require(total.dtype == torch.float32, f"{name}: the loss must be float32, got {total.dtype}")
    require(torch.isfinite(total), f"{name}: the loss must be finite, got {total.item()}")
    return LossSum(total=total.detach(), terms=loss.terms)


def require_gradient(name: str, loss: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Requires a finite gradient that is not 0 everywhere."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    total = loss(*leaves)
    require(total.requires_grad, f"{name}: the loss must have a gradient")
    gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    require(any(g is not None and g.any() for g in gradients), f"{name}: the gradient must not be 0 everywhere")
    require(all(g is None or torch.isfinite(g).all() for g in gradients), f"{name}: the gradient must be finite")


def same(one: Any, other: Any) -> bool:
    """Returns whether two results are equal to the last bit; NaN equals NaN."""
    if isinstance(one, Tensor):
        return (
            isinstance(other, Tensor) and one.shape == other.shape and bool(torch.isclose(one, other, 0, 0, True).all())
        )
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if is_dataclass(one):
        return type(one) is type(other) and all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def near(one: Tensor, other: Tensor) -> bool:
    """Returns whether two tensors are equal up to rounding."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-4)
