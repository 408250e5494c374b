"""The most memory that a piece of work has in use: of a GPU what torch allocates, else of the process."""

from __future__ import annotations

import resource
from pathlib import Path

import torch

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def reset_peak() -> None:
    """Begins anew. Where the system cannot, as outside Linux, the peak stays that of the whole process so far."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        _CLEAR.write_text("5", encoding="ascii")  # the peak of resident memory, see proc(5)
    except OSError:
        return


def peak_gigabytes() -> float:
    """The peak since then, in GB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    except (OSError, ValueError):
        kilobytes = str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return int(kilobytes) * 1024 / 1e9
