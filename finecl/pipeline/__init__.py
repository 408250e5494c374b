"""A run directory, stage by stage."""
