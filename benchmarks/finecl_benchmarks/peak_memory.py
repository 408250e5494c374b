"""Peak memory since a reset: allocated by torch on a GPU if there is one, else resident memory of the process."""

from __future__ import annotations

from pathlib import Path

import torch

from finecl.artifacts.provenance import peak_memory

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def reset_peak() -> None:
    """Resets the peak. Without effect on the process's peak where the system cannot reset it, as outside Linux."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        _CLEAR.write_text("5", encoding="ascii")  # resets the peak of resident memory, see proc(5)
    except OSError:
        return


def peak_gigabytes() -> float:
    """Returns the peak since the last reset, in GB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    except (OSError, ValueError):
        return peak_memory() / 1e9
    return int(kilobytes) * 1024 / 1e9
