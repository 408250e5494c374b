"""Command line of finecl: click and rich around the engine. Contains no mathematics."""
