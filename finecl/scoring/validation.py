"""Checks the noise of scorers and the weights of weightings."""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.errors import PluginError
from finecl.types import Floats


def checked_noise(name: str, noise: Any, count: int) -> Floats:
    """Returns the noise from a scorer as float32, after checking it.

    Raises:
        PluginError: it is not one number per instance, or values are NaN.
    """
    noise = np.asarray(noise)
    if noise.shape != (count,):
        raise PluginError(f"scorer '{name}' must return one number for each of {count} instances, got {noise.shape}")
    if noise.dtype.kind not in "fiu" or np.isnan(noise).any():
        got = "NaN" if noise.dtype.kind == "f" else str(noise.dtype)
        raise PluginError(f"scorer '{name}' must return numbers (+inf for never clean), got {got}")
    checked: Floats = noise.astype(np.float32)
    return checked


def checked_weights(name: str, weights: Any, noise: Floats) -> Floats:
    """Returns the weights from a weighting as float32, after checking them.

    Raises:
        PluginError: they are not one finite number >= 0 per instance, or a noisier instance weighs more.
    """
    array = np.asarray(weights)
    if array.shape != noise.shape or array.dtype.kind not in "fiub":
        got = f"{array.dtype} of shape {array.shape}"
        raise PluginError(f"weighting '{name}' must return one number for each of {len(noise)} instances, got {got}")
    weights = array.astype(np.float32)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise PluginError(f"weighting '{name}' must return finite weights >= 0, got {weights.min()} .. {weights.max()}")
    by_noise: Floats = weights[np.argsort(noise, kind="stable")]
    if (np.diff(by_noise) > 1e-6 * max(1.0, float(by_noise.max(initial=0)))).any():
        raise PluginError(f"weighting '{name}' gives a noisier instance more weight than a cleaner one")
    checked: Floats = weights
    return checked
