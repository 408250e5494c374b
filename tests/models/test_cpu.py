"""Freed large blocks are returned to the system."""

from __future__ import annotations

import platform

import pytest

from finecl.models.cpu import tune_malloc


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_glibc_accepts_the_thresholds() -> None:
    assert tune_malloc()
