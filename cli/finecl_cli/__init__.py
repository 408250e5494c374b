"""The ``finecl`` command line: click and rich around the engine; no mathematics."""
