"""Commands of ``finecl``, one per module."""
