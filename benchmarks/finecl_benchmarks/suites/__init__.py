"""Suites of benchmark cells: one TOML file each."""
