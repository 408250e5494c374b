"""Distributed runs: process group, data parallelism, launcher, gathered state."""
