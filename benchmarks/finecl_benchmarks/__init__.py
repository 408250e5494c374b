"""Benchmarks of finecl; with ``--keep`` each command writes one JSON record to ``benchmarks/results/``."""
