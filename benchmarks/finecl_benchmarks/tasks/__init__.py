"""Downstream tasks as data: one TOML file each."""
