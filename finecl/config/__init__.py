"""Settings of a run: schema, defaults, presets, and how texts become typed values."""
