"""Definitions of downstream tasks, one TOML file each."""
