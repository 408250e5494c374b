"""Tests of the progress bars for scripts and notebooks."""

from __future__ import annotations

import pytest

from finecl.progress import ProgressBars


def test_bars_show_stage_count_and_figures_and_notes_stand_between_them(capsys: pytest.CaptureFixture[str]) -> None:
    bars = ProgressBars()
    bars.begin("proxy", 4, "steps")
    bars.advance(3, "loss 0.5")
    bars.advance(1, "loss 0.4")
    bars.note("a note")
    bars.begin("reading", None, "documents")
    bars.advance(7)
    bars.end()
    shown = capsys.readouterr()
    assert shown.out == ""
    first, second = shown.err.split("a note")
    assert "proxy" in first
    assert "4/4" in first
    assert "loss 0.4" in first
    assert "7 documents" in second
