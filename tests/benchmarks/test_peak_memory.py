"""Tests that the peak memory is that since the last reset."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from finecl_benchmarks.peak_memory import peak_gigabytes, reset_peak


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can reset the peak")
def test_a_reset_discards_the_previous_peak() -> None:
    reset_peak()
    before = peak_gigabytes()
    large = np.ones(50_000_000)  # 0.4 GB
    assert peak_gigabytes() - before > 0.35
    del large
    reset_peak()
    assert peak_gigabytes() - before < 0.2
