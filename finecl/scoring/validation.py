"""Checks of a scorer's noise and a weighting's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.errors import PluginError
from finecl.types import Floats


def checked_noise(name: str, noise: Any, count: int) -> Floats:
    """What a scorer returned, if it keeps its contract.

    Raises:
        PluginError: it is not one number an instance, or some are NaN.
    """
    noise = np.asarray(noise)
    if noise.shape != (count,):
        raise PluginError(f"scorer '{name}' must return one number for each of {count} instances, got {noise.shape}")
    if noise.dtype.kind not in "fiu" or np.isnan(noise).any():
        what = "NaN" if noise.dtype.kind == "f" else str(noise.dtype)
        raise PluginError(f"scorer '{name}' must return numbers (+inf for never clean), got {what}")
    found: Floats = noise.astype(np.float32)
    return found


def checked_weights(name: str, weights: Any, noise: Floats) -> Floats:
    """What a weighting returned, if it keeps its contract.

    Raises:
        PluginError: not one finite number >= 0 an instance, or a noisier instance weighs more.
    """
    given = np.asarray(weights)
    if given.shape != noise.shape or given.dtype.kind not in "fiub":
        came = f"{given.dtype} of shape {given.shape}"
        raise PluginError(f"weighting '{name}' must return one number for each of {len(noise)} instances, got {came}")
    weights = given.astype(np.float32)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise PluginError(f"weighting '{name}' must return finite weights >= 0, got {weights.min()} .. {weights.max()}")
    in_order: Floats = weights[np.argsort(noise, kind="stable")]
    if (np.diff(in_order) > 1e-6 * max(1.0, float(in_order.max(initial=0)))).any():
        raise PluginError(f"weighting '{name}' gives a noisier instance more weight than a cleaner one")
    found: Floats = weights
    return found
