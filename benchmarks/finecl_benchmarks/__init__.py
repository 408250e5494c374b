"""Measurements of finecl: each command writes one JSON record under ``benchmarks/results/``."""
