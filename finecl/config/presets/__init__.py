"""Settings by name, as TOML files."""
