"""The processes of a run: process group, data parallelism, launching, gathered state."""
